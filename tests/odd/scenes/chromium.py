# SPDX-License-Identifier: MIT
"""Chromium.

Its zygote has no thread-local storage, its renderers are in a sandbox of namespaces and seccomp, and an upload leaves by
yet another process. Root has to do without the sandbox, so it is an ordinary user as well.
"""
import os
import pwd
import re

import place
import web

PACKAGES = ('chromium',)
NEEDS = ('chromium', 'setpriv')
AS_ROOT = 'without a sandbox, '
CASES = place.CASES + (place.VERBOSE,) + tuple(AS_ROOT + case for case in (place.BARE, place.INERT, place.LIMITS))

UPLOAD = 3_000_000
PAGES = {
    'index.html': '<!DOCTYPE html><html><head><title>odd</title><script src="page.js"></script></head>'
                  '<body><p id="said">nothing yet</p></body></html>',
    'page.js': '''
        onload = async () => {
            const bytes = new Uint8Array(%d).fill(7);
            const answer = await fetch('/upload', {method: 'POST', body: bytes});
            document.getElementById('said').textContent = await answer.text();
        };''' % UPLOAD,
}
WANTED = '<p id="said">%d bytes, sum %d</p>' % (UPLOAD, 7 * UPLOAD)
# It looks for updates, hosts of its maker and the session's bus by itself, and says so.
OPTIONS = ('--headless', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
           '--disable-sync', '--disable-default-apps', '--disable-extensions', '--disable-breakpad', '--disable-dev-shm-usage',
           '--timeout=30000', '--virtual-time-budget=20000', '--dump-dom')
# What it says when one of its processes is gone.
CRASH = re.compile(r'crash|SIG[A-Z]{3,}|seccomp-bpf failure|Received signal|exited unexpectedly|FATAL', re.IGNORECASE)


def play(here):
    without_sandbox = here.case.startswith(AS_ROOT)
    here.case = here.case.removeprefix(AS_ROOT)
    if not here.isolated:
        raise place.Impossible('it would look for hosts outside, so it takes a network of its own')
    if without_sandbox and os.geteuid():
        raise place.Impossible('it takes root')
    port = web.serve(PAGES)
    home = here.path('home')
    os.mkdir(home)
    prefix = []
    if os.geteuid() == 0 and not without_sandbox:
        nobody = pwd.getpwnam('nobody')
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        prefix = ['setpriv', '--reuid=%d' % nobody.pw_uid, '--regid=%d' % nobody.pw_gid, '--clear-groups']
    environment = here.environment(HOME=home, XDG_RUNTIME_DIR=home, TMPDIR=home, SNDTIMEO_LOG='/dev/null')
    if here.case == place.VERBOSE:
        environment['SNDTIMEO_LOG'] = home + '/log'
    elif here.case != place.LIMITS:
        del environment['SNDTIMEO_LOG']
    preload = environment.pop('LD_PRELOAD', None)
    argv = ['chromium', *OPTIONS, '--user-data-dir=' + home] + (['--no-sandbox'] if without_sandbox else [])
    argv += ['http://127.0.0.1:%d/' % port]
    # Not into setpriv.
    done = here.run(prefix + (['env', 'LD_PRELOAD=' + preload] if preload else []) + argv, env=environment)
    here.expect(WANTED in done.stdout, done.stdout[-3000:])
    crash = CRASH.search(done.stdout)
    here.expect(not crash, done.stdout[-3000:])
