# SPDX-License-Identifier: MIT
"""docs/compatibility.md, from what was seen."""


def write_document(path, every, cells, absent):
    raise NotImplementedError
