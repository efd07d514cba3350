"""The numbers of the messages between the daemon's processes."""
import re

import sallyport


def words(path, prefix):
    """{"BUNDLE": 0, ...} as the header counts those words of an enum."""
    text = (sallyport.ROOT / path).read_text()
    names = re.findall(rf"^    {prefix}_(\w+),", text, re.M)
    return {name: number for number, name in enumerate(names)}


TYPES = words("src/ipc/message_types.h", "MESSAGE")
VERBS = words("src/admin/verbs.h", "VERB")
