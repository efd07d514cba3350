#include "config/config_account.h"

#include <string.h>

#include "config/config_fault.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-$";

bool
config_account_judge(const char *text, struct fault *fault)
{
    return text[strspn(text, letters)] == '\0'
        || config_refuse(fault, "\"%s\" is not the name of a user or group",
            text);
}

bool
config_account_judge_owner(const char *text, struct fault *fault)
{
    size_t user = strspn(text, letters), group = 0;
    bool good = user > 0;

    if (text[user] == ':') {
        group = strspn(text + user + 1, letters);
        good = good && group > 0 && text[user + 1 + group] == '\0';
    } else {
        good = good && text[user] == '\0';
    }
    return good
        || config_refuse(fault, "\"%s\" is not USER or USER:GROUP", text);
}
