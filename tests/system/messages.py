"""The numbers of the messages between the daemon's processes."""
import re

import sallyport


def types():
    """{"BUNDLE": 0, ...} as src/ipc/message.h counts them."""
    text = (sallyport.ROOT / "src/ipc/message.h").read_text()
    names = re.findall(r"^    MESSAGE_(\w+),", text, re.M)
    return {name: number for number, name in enumerate(names)}


TYPES = types()
