#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pictures of README.md: real uploads over a delayed link (delayline.py), recorded and drawn. make pictures calls it.

usage: pictures.py --build FOLDER --into FOLDER [SCENE...]
"""
import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MB = 1000 * 1000

# What the server does, what the link loses from when on, and the options of sndtimeo.
SCENES = {
    'record-pause': ((30 * MB, 4), None, []),              # the peer rests for 4 s, and the upload lives on
    'record-cut': ((0, 0), (3, 'all'), ['-s', '5']),       # the link is cut after 3 s, and the send times out 5 s later
}


def play(name, arguments):
    (pause_at, pause_s), cut, options = SCENES[name]
    with tempfile.TemporaryDirectory() as folder:
        record, control = os.path.join(folder, name), os.path.join(folder, 'control')
        with open(control, 'w') as f:
            f.write('none')
        client = [os.path.join(arguments.build, 'sndtimeo'), '--record', record, *options, '--', sys.executable, os.path.join(HERE, 'client.py'),
                  'http://10.9.0.2:8080/', str(120 * MB)]
        server = [sys.executable, os.path.join(HERE, 'server.py'), str(pause_at), str(pause_s)]
        link = subprocess.Popen([sys.executable, os.path.join(HERE, '../peers/delayline.py'), '--control', control, shlex.join(client), shlex.join(server)])

        def steer():
            time.sleep(cut[0])
            with open(control, 'w') as f:
                f.write(cut[1])

        if cut:
            threading.Thread(target=steer, daemon=True).start()
        link.wait(timeout=120)
        while '\tend\n' not in open(record).read():
            time.sleep(0.1)
        subprocess.run([os.path.join(HERE, '../../src/plot/sndtimeo-plot'), '-o', os.path.join(arguments.into, name + '.svg'), record], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True, type=os.path.abspath)
    parser.add_argument('--into', required=True, type=os.path.abspath)
    parser.add_argument('scenes', nargs='*', default=list(SCENES))
    arguments = parser.parse_args()
    for name in arguments.scenes:
        play(name, arguments)


main()
