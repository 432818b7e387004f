# SPDX-License-Identifier: MIT
"""The rights of a watcher outside.

Who may look into a process limits it, and tells of it by its number where the watcher is. Who may not says what would give
that right, and runs nothing.
"""
import os
import time

import place
import watching

PACKAGES = ('gcc', 'libc6-dev', 'util-linux', 'iproute2')
NEEDS = ('cc', 'setpriv', 'unshare')

OF_ROOT = 'it takes CAP_SYS_PTRACE, which root lacks here'
OF_USER = "another user's process, or one that is protected"


def own(scene):
    before = watching.as_user()
    scene.expect_outside(before)
    watching.need_no_yama()
    scene.expect_attached(before, before)


def another_user(scene):
    scene.here.need_root('a process has to be another user\'s')
    scene.expect_outside([], watching.as_user())
    scene.expect_attached([], watching.as_user())
    scene.expect_refused(watching.as_user(), OF_USER, os.getpid())


def without_ptrace(scene):
    scene.here.need_root('it has the right to lose')
    before = watching.without_ptrace()
    # What has no more rights than its watcher may be looked into.
    scene.expect_outside(before)
    scene.expect_refused(before, OF_ROOT, os.getpid())
    program = scene.start(watching.as_user() + ['sleep', '100'], 'sleep')
    scene.expect_refused(before, OF_ROOT, program.pid)


def refused(scene, before, advice):
    scene.expect_refused(before, advice)
    program = scene.start(watching.as_user() + ['sleep', '100'], 'sleep')
    scene.expect_refused(before, advice, program.pid)


def container(scene):
    before = scene.refusing('EPERM', 'pidfd_getfd', 'ptrace', 'process_vm_readv')
    if os.geteuid() == 0:
        refused(scene, watching.without_ptrace() + before, OF_ROOT)
    refused(scene, watching.as_user() + before, OF_USER)


def older_kernel(scene):
    refused(scene, scene.refusing('ENOSYS', 'pidfd_getfd'), 'pidfd_getfd.* takes Linux 5.6')


def memory_alone(scene):
    """It cannot read which descriptors a poll is about, and takes a full buffer for a send that waits; nor compare descriptors."""
    before = scene.refusing('EPERM', 'process_vm_readv', 'kcmp')
    scene.expect_outside(before)
    scene.here.step = 'poll'
    done = scene.run(scene.watch(before, '--outside', '--', scene.hostile, 'poll'))
    scene.expect_ended(done.stdout)


def undumpable(scene):
    before = watching.as_user()
    program = scene.start(before + [scene.hostile, 'undumpable-alone'], 'program')
    time.sleep(0.3)
    scene.expect_refused(before, OF_USER, program.pid)
    program.wait(10)
    scene.expect_unharmed(scene.said('program'))


def later(scene, before, mode):
    """A child that may not be looked into from some moment on is told of; its brother has limits."""
    scene.here.step = mode
    done = scene.run(scene.watch(before, '--outside', '--', scene.hostile, mode))
    scene.expect_ended(done.stdout)
    scene.expect_unharmed(done.stdout, 'changed')
    told = done.stdout.count('): it has no limits\n')
    scene.here.expect(told == 1 and 'sndtimeo: cannot look into hostile[' in done.stdout, done.stdout)


def undumpable_later(scene):
    watching.need_no_yama()
    later(scene, watching.as_user(), 'undumpable')


def another_user_later(scene):
    scene.here.need_root('a process has to become another user\'s')
    later(scene, watching.without_ptrace(), 'user')
    scene.here.step = 'root'
    done = scene.run(scene.watch([], '--outside', '--', scene.hostile, 'user'))
    scene.expect_ended(done.stdout, count=2)
    scene.expect_ended(done.stdout, what='changed', count=2)
    scene.here.expect('no limits' not in done.stdout, done.stdout)


def hidden(scene):
    scene.here.need_root('/proc is mounted in another way')
    scene.here.run(['mount', '-o', 'remount,hidepid=2', '/proc'])
    before = watching.as_user()
    scene.expect_outside(before)
    watching.need_no_yama()
    scene.expect_attached(before, before)
    scene.expect_refused(before, OF_USER, os.getpid())


NAMESPACES = ['unshare', '--user', '--map-root-user', '--pid', '--net', '--mount', '--fork', '--mount-proc', '--kill-child']
WITH_LOOPBACK = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
# The first process of its own ends all others with it, and the watcher is to say its line.
WITH_INIT = ['sh', '-c', 'ip link set lo up && "$@"; status=$?; sleep 0.5; exit $status', 'sh']


def inside_number(process):
    """Of what unshare has forked, from the host."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with open('/proc/%d/task/%d/children' % (process.pid, process.pid), encoding='ascii') as f:
            if children := f.read().split():
                return int(children[0])
        time.sleep(0.01)
    raise place.Failure('it did not start')


def need_namespaces(scene):
    if scene.here.run(NAMESPACES + WITH_LOOPBACK + ['true'], succeeds=False).returncode:
        raise place.Impossible('no namespaces can be made here')


def within_namespaces(scene):
    need_namespaces(scene)
    scene.expect_outside(NAMESPACES + WITH_INIT)


def first_process(scene):
    """The command is the first process itself, as in a container, and ends a few milliseconds after its verdict."""
    need_namespaces(scene)
    argv = scene.watch(NAMESPACES + WITH_LOOPBACK, '--outside', '--', scene.hostile, 'stall')
    names = ['first%d' % i for i in range(FIRST_PROCESSES)]
    for process in [scene.start(argv, name) for name in names]:
        process.wait(20)
    told = ['sndtimeo: hostile[1]: send to ' in scene.said(name) for name in names]
    scene.here.expect(told.count(True) >= FIRST_PROCESSES - 1, ', '.join(map(str, told)))


def into_namespaces(scene):
    need_namespaces(scene)
    scene.expect_attached([], NAMESPACES + WITH_LOOPBACK, inside_number)


def into_namespaces_of_a_user(scene):
    need_namespaces(scene)
    watching.need_no_yama()
    scene.expect_attached(watching.as_user(), watching.as_user() + NAMESPACES + WITH_LOOPBACK, inside_number)


def out_of_a_user_namespace(scene):
    need_namespaces(scene)
    before = ['unshare', '--user', '--map-root-user']
    scene.expect_outside(before)
    scene.expect_refused(before, OF_ROOT, os.getpid())


def proc_of_others(scene):
    """Numbers in /proc are those of another pid namespace: nothing could be found by them."""
    need_namespaces(scene)
    before = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child']
    refused(scene, before, '/proc is that of another pid namespace')


FIRST_PROCESSES = 5

PLACES = {
    'own processes': own,
    'of another user': another_user,
    'without CAP_SYS_PTRACE': without_ptrace,
    'in a container that refuses pidfd_getfd': container,
    'on a kernel without pidfd_getfd': older_kernel,
    'where no memory can be read': memory_alone,
    'into an undumpable process': undumpable,
    'into one that becomes undumpable': undumpable_later,
    'into one that becomes another user\'s': another_user_later,
    'with a /proc that hides': hidden,
    'within user, pid and network namespaces': within_namespaces,
    'of the first process of a namespace': first_process,
    'into user, pid and network namespaces': into_namespaces,
    'into those of a user': into_namespaces_of_a_user,
    'out of a user namespace': out_of_a_user_namespace,
    'with a /proc of another pid namespace': proc_of_others,
}
CASES = tuple(PLACES)


def play(here):
    PLACES[here.case](watching.Scene(here))
