/* The name of a stored socket: what is believed gives the same name again. */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/listener_bind.h"
#include "systemd/fdstore_name.h"

/* One that listens at 127.0.0.1, at a port that is found. */
static int
listening(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0
        || listen(fd, 1) < 0)
        abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char *name = strndup((const char *)data, size), again[STORE_NAME_SIZE];
    struct listener_socket socket;

    if (fd < 0)
        fd = listening();
    if (name != NULL && fdstore_name_read(name, fd, &socket)) {
        if (!fdstore_name_is_ours(name) || !fdstore_name_make(&socket, again)
            || strcmp(name, again) != 0 || socket.path != NULL)
            abort();
        free(socket.text);
    }
    free(name);
    return 0;
}
