#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/command_line.h"

/* Each is good as it stands: lines that need a file which is not there yet are
 * comments, and a line without TLS has their place. */
static const char web[] =
    "; TLS in front of a web server that speaks plain HTTP.\n"
    ";\n"
    ";   browser === TLS ===> sallyport --- plain ---> web server\n"
    ";\n"
    "; Put in your own addresses and files, and then:\n"
    ";   sallyport check FILE           says what is wrong with this file\n"
    ";   sallyport help listen.cert     tells all about an option\n"
    "\n"
    "[service web]\n"
    "; Where browsers come to: each address of this machine, IPv4 and IPv6. It is\n"
    "; TLS by its tls://, and then it needs a certificate, which is the file that\n"
    "; has the issuers too (fullchain.pem), and its private key. When both are\n"
    "; there, take the ';' from these three lines and remove the fourth.\n"
    ";listen      = tls://*:443\n"
    ";listen.cert = /etc/sallyport/web.pem\n"
    ";listen.key  = /etc/sallyport/web.key\n"
    "listen       = 127.0.0.1:7443   ; without TLS, for this machine alone\n"
    "\n"
    "; The web server.\n"
    "connect      = 127.0.0.1:8080\n"
    "\n"
    "; A browser that says nothing for so long is let go.\n"
    "timeout.idle = 5m\n";

static const char tunnel_client[] =
    "; One end of a tunnel: on the machine of a program that knows no TLS.\n"
    ";\n"
    ";   program --- plain ---> sallyport === TLS ===> server\n"
    ";\n"
    "; The other end may be any TLS server, or `sallyport init tunnel-server`.\n"
    "; Put in your own addresses and files, and then:\n"
    ";   sallyport check FILE           says what is wrong with this file\n"
    ";   sallyport help connect.ca      tells all about an option\n"
    "\n"
    "[service tunnel]\n"
    "; Where the program connects to, instead of to the server.\n"
    "listen        = 127.0.0.1:5432\n"
    "\n"
    "; The server. Its certificate has to be for this name, and of an authority\n"
    "; that this machine trusts.\n"
    "connect       = tls://db.example.net:5433\n"
    "\n"
    "; An authority of your own, in place of those that this machine trusts.\n"
    ";connect.ca   = /etc/sallyport/ca.pem\n"
    "\n"
    "; What the server is shown, if it asks its clients for a certificate.\n"
    ";connect.cert = /etc/sallyport/client.pem\n"
    ";connect.key  = /etc/sallyport/client.key\n";

static const char tunnel_server[] =
    "; The other end of a tunnel: on the machine of a server that knows no TLS.\n"
    ";\n"
    ";   client === TLS ===> sallyport --- plain ---> server\n"
    ";\n"
    "; The client may be any program with TLS, or `sallyport init tunnel-client`.\n"
    "; Put in your own addresses and files, and then:\n"
    ";   sallyport check FILE           says what is wrong with this file\n"
    ";   sallyport help listen.verify   tells all about an option\n"
    "\n"
    "[service tunnel]\n"
    "; Where clients come to: each address of this machine, IPv4 and IPv6. Its\n"
    "; certificate is the file that has the issuers too. Clients have to show one\n"
    "; of the authority in ca.pem. When these files are there, take the ';' from\n"
    "; the five lines and remove the sixth.\n"
    ";listen        = tls://*:5433\n"
    ";listen.cert   = /etc/sallyport/server.pem\n"
    ";listen.key    = /etc/sallyport/server.key\n"
    ";listen.verify = required\n"
    ";listen.ca     = /etc/sallyport/ca.pem\n"
    "listen         = 127.0.0.1:5433   ; without TLS, for this machine alone\n"
    "\n"
    "; The server; a unix socket is unix:/run/postgresql/.s.PGSQL.5432.\n"
    "connect        = 127.0.0.1:5432\n";

static const char forward[] =
    "; One port handed on to another one, without TLS on either side.\n"
    ";\n"
    ";   client --- plain ---> sallyport --- plain ---> server\n"
    ";\n"
    "; Put in your own addresses, and then:\n"
    ";   sallyport check FILE           says what is wrong with this file\n"
    ";   sallyport help listen          tells all about an option\n"
    "\n"
    "[service forward]\n"
    "; Where clients come to: this machine alone. *:7080 is each of its addresses,\n"
    "; and unix:/run/sallyport/forward.sock a unix socket.\n"
    "listen          = 127.0.0.1:7080\n"
    "\n"
    "; The servers, which are tried in this order until one accepts.\n"
    "connect         = 127.0.0.1:8080\n"
    "connect         = localhost:8081\n"
    "timeout.connect = 2s             ; for each of them\n";

static const struct {
    const char *kind; /* as command_table.c has it */
    const char *text;
} texts[] = {
    { "web", web },
    { "tunnel-client", tunnel_client },
    { "tunnel-server", tunnel_server },
    { "forward", forward },
};

/* sallyport init KIND */
int
command_init(const struct command_line *line)
{
    for (size_t i = 0; i < COUNT(texts); i++)
        if (strcmp(texts[i].kind, line->operands[0]) == 0)
            fputs(texts[i].text, stdout);
    return EXIT_SUCCESS;
}
