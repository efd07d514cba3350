#include "master/dispatch.h"

#include <criterion/criterion.h>

#include "ipc/message.h"
#include "master/child.h"

Test(dispatch, has_a_handler_for_all_that_children_send)
{
    for (enum message_type type = 0; type < MESSAGE_TYPE_COUNT; type++)
        for (enum role role = 0; role < ROLE_COUNT; role++)
            if (role_is_child(role) &&
                message_may_pass(type, role, ROLE_MASTER))
                cr_expect_not_null(
                    dispatch_calls.handlers[type], "%s", message_name(type));
}
