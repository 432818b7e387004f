# SPDX-License-Identifier: MIT
"""rsync as a daemon, with one module to write to."""
import os

from servers import daemon, upload

# Greetings, the module's name, the options, and a list of one file.
OPENING = 1000
# If the client asks for it, the receiver tells of every block that it gets.
TALKS = True

CONFIG = '''log file = {folder}/rsyncd.log
use chroot = no
reverse lookup = no
max verbosity = 4
{identity}
[module]
path = {module}
read only = no
'''
# Root's daemon would become nobody, who may not write here.
IDENTITY = 'uid = 0\ngid = 0'


def environment(place):
    return {'TALK': '--remote-option=--debug=DELTASUM3' if place.talks else ''}


class Rsyncd(daemon.Daemon):
    def __init__(self, place):
        self.module = daemon.make_folder(os.path.join(place.folder, 'module'), None)
        config = os.path.join(place.folder, 'rsyncd.conf')
        with open(config, 'w', encoding='utf-8') as f:
            f.write(CONFIG.format(folder=place.folder, module=self.module,
                                  identity='' if os.geteuid() else IDENTITY))
        super().__init__(place.folder, lambda port: ['rsync', '--daemon', '--no-detach', '--config', config,
                                                     '--address', '127.0.0.1', '--port', str(port)],
                         daemon.Daemon.listens)

    def received(self):
        """Files that have their name: until it has all, rsync writes to one whose name begins with a dot."""
        return [upload.of_file(os.path.join(self.module, name)) for name in sorted(os.listdir(self.module))
                if not name.startswith('.')]


start = Rsyncd
