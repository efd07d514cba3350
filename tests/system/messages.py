"""The numbers of the messages between the daemon's processes."""
import re

import sallyport


def words(path, prefix):
    """{"BUNDLE": 0, ...} as the header counts those words of an enum."""
    text = (sallyport.ROOT / path).read_text()
    names = re.findall(rf"^    {prefix}_(\w+),", text, re.M)
    return {name: number for number, name in enumerate(names)}


def message_types():
    """{"BUNDLE": 0, ...} as the rows number them, and how many there may be."""
    text = (sallyport.ROOT / "src/ipc/message_types.inc").read_text()
    types = {word: int(number) for word, number in
             re.findall(r"^MESSAGE\((\w+), (\d+),", text, re.M)}
    return types | {"TYPE_COUNT": max(types.values()) + 1}


TYPES = message_types()
VERBS = words("src/admin/verbs.h", "VERB")
