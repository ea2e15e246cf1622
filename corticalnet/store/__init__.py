"""Files on disk: written whole or not at all, read without waiting, never through a link of a known name.

with replacing(path) as file: file.write(…)     any content, in pieces or by a library
write_whole(path, content)                      bytes or text at once
write_json(path, content)                       numbers and words for people and programs
make_folder(path)                               a folder that can be written to, before the work begins
remove(path)                                    a file that may be gone already
read_whole(path)                                bytes of a regular file
read_json(path, schema, error)                  what a file says, if its schema allows it
with locked(folder): …                          a folder that nobody else writes in the meantime
holder(folder)                                  who that is now
expanded(path)                                  "~" is a home folder, if there is one
"""

from corticalnet.store.lock import holder, locked
from corticalnet.store.reading import expanded, read_json, read_whole, validated
from corticalnet.store.writing import (
    clear_unfinished,
    make_folder,
    remove,
    replacing,
    write_json,
    write_whole,
)

__all__ = [
    "clear_unfinished",
    "expanded",
    "holder",
    "locked",
    "make_folder",
    "read_json",
    "read_whole",
    "remove",
    "replacing",
    "validated",
    "write_json",
    "write_whole",
]
