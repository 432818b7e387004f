# SPDX-License-Identifier: MIT
"""Finds the blocks of commands, output and files in README.md and in manual pages.

A comment right before a block says what it is, where that is not plain. In README.md it is <!-- word: text -->, in a
manual page .\\" word: text:

    not run: why      nobody runs this, for that reason
    file: PATH        it is a file, which the commands find at PATH
    output            it is what the block before it prints
    shown by: COMMAND COMMAND prints it
    crontab, inetd, systemd   lines for those, which are tried by way of a stand-in (run_examples.py)
    peer: KIND        what the commands talk to: reads (the default), stalls, late, silent (peers.py), or holds, which
                      stalls, and the limits of 30 s stay as they are
    exits: STATUS     the exit status of the last command, 0 by default
"""
import re

WORDS = ('not run', 'file', 'output', 'shown by', 'crontab', 'inetd', 'systemd', 'peer', 'exits')


class Block:
    def __init__(self, document, number, lines, says, commands=None):
        self.document = document
        self.number = number          # of its first line
        self.lines = lines
        self.says = says              # {word: text} of the comments before it
        self.commands = commands      # None: it has no commands of its own
        self.output = []              # lines that its commands print

    @property
    def place(self):
        return '%s:%d' % (self.document, self.number)


def comment(line, pattern, says):
    """Add what a comment says to says; whether it is one of ours."""
    found = re.fullmatch(pattern, line)
    if not found:
        return False
    word, _, text = found[1].partition(':')
    if word not in WORDS:
        return False
    says[word] = text.strip()
    return True


def joined(lines):
    """Commands, with what a backslash carries on."""
    commands = []
    carried = ''
    for line in lines:
        if line.endswith('\\'):
            carried += line[:-1]
        else:
            commands.append(carried + line)
            carried = ''
    return commands


def readme_blocks(name, text):
    """Every fence of a Markdown file; commands are in those of sh. Raises ValueError for an indented block, which
    would be missed."""
    blocks = []
    says = {}
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is not None:
            if line != '```':
                blocks[-1].lines.append(line)
                continue
            if fence == 'sh':
                blocks[-1].commands = joined(blocks[-1].lines)
            fence = None
        elif line.startswith('```'):
            fence = line[3:]
            blocks.append(Block(name, number + 1, [], says))
            says = {}
        elif line.startswith(('    ', '\t')):
            raise ValueError('%s:%d: an indented block; use a fence' % (name, number))
        elif not comment(line, r'<!-- (.*) -->', says):
            says = {}
    return blocks


def plain(line):
    """A line of a manual page without its escapes."""
    line = re.sub(r'^\\&', '', line)
    return line.replace('\\-', '-').replace('\\&', '').replace('\\(dq', '"').replace('\\e', '\\')


def split_commands(block):
    """Lines that begin with '$ ' are commands, and others what they print."""
    commands = []
    carried = False
    for line in block.lines:
        if carried:
            commands.append(line)
        elif line.startswith('$ '):
            commands.append(line[2:])
        elif line:
            block.output.append(line)
        carried = (carried or line.startswith('$ ')) and line.endswith('\\')
    if commands:
        block.commands = joined(commands)


def manual_blocks(name, text):
    """Every .Dl and every literal .Bd of a manual page."""
    blocks = []
    says = {}
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            if line == '.Ed':
                inside = False
                split_commands(blocks[-1])
            else:
                blocks[-1].lines.append(plain(line))
        elif line.startswith('.Bd'):
            inside = True
            blocks.append(Block(name, number + 1, [], says))
            says = {}
        elif line.startswith(('.Dl ', '.D1 ')):
            blocks.append(Block(name, number, [plain(line[4:])], says))
            split_commands(blocks[-1])
            says = {}
        elif not comment(line, r'\.\\" (.*)', says):
            says = {}
    return blocks


def blocks_of(name, text):
    """All blocks, those with output joined to what prints it."""
    found = (readme_blocks if name.endswith('.md') else manual_blocks)(name, text)
    blocks = []
    for block in found:
        if 'output' in block.says and blocks:
            blocks[-1].output += [line for line in block.lines if line]
        else:
            blocks.append(block)
        if 'shown by' in block.says:
            block.commands = [block.says['shown by']]
            block.output = [line for line in block.lines if line]
    return blocks
