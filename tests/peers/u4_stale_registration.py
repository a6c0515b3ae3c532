"""U4: who comes back gets its procedures back.

A client that proves who it is registers, its network is cut, it comes back and registers again while calls run: REGISTERED
within 2.5 s, each call with one answer. With a live holder it is refused in the same time and the holder undisturbed; so is
another user, and an anonymous one. `force_reregister` works with the right to it and is ignored without. A client that
closes its connection can register at once. When a process with 200 sessions of 20 registrations each is killed, all are free
within a second.

Needs the users of config/checks/peers.toml: alice and bob, and chief who may use force_reregister.
"""

import select

from check import ms, run
from freeze import Cable, Child
from peer import (
    ERROR, FORMS, INVOCATION, NAMES, REGISTER, REGISTERED, RESULT, UNREGISTERED, YIELD, Gone, Peer, Refused, now,
)

BACK_WITHIN_S = 2.5
CALL_EVERY_S = 0.05
TAKEN = "wamp.error.procedure_already_exists"
ENDED = ("wamp.error.canceled", "wamp.error.network_failure", "wamp.error.no_such_procedure")
CROWD, EACH = 200, 20


def holder(control, router, form, user, procedure, via, force):
    """Holds a registration and answers with its session id. Says how it was taken away, and how its connection ended."""
    peer = Peer(router, form, via).join(user)
    began = now()
    try:
        peer.register(procedure, **({"force_reregister": True} if force else {}))
    except Refused as error:
        return control.send((error.uri, now() - began, peer.id))
    control.send((True, now() - began, peer.id))
    nudging = False
    try:
        while True:
            ready, _, _ = select.select([peer, control], [], [], 0.1 if nudging else None)
            if control in ready:
                control.recv()
                nudging = True
            if nudging:
                peer.ping()
            while (peer in ready or peer.waiting) and (message := peer.receive(0)) is not None:
                if message[0] == INVOCATION:
                    peer.send(YIELD, message[1], {}, [peer.id])
                elif message[0] == UNREGISTERED:
                    control.send(("unregistered", message[1], message[2] if len(message) > 2 else {}))
    except Gone as end:
        control.send(("gone", end.code, end.last))


class Calls:
    """Calls every 50 ms while something else is waited for, and knows how each ended."""

    def __init__(self, router, procedure):
        self.peer, self.procedure = Peer(router, FORMS[0]).join(), procedure
        self.next_call, self.open, self.ended, self.strays = now(), set(), [], 0

    def step(self, calling=True, wait=0.01):
        if calling and now() >= self.next_call:
            self.next_call = now() + CALL_EVERY_S
            self.open.add(self.peer.start_call(self.procedure))
        message = self.peer.receive(wait)
        if message is not None:
            request = message[1] if message[0] == RESULT else message[2]
            self.strays += request not in self.open
            self.open.discard(request)
            self.ended.append(message[3][0] if message[0] == RESULT else message[4])

    def until(self, what, seconds):
        """Whether `what()` came true in this time."""
        until = now() + seconds
        while not (true := what()) and now() < until:
            self.step()
        return true

    def drain(self):
        until = now() + 5
        while self.open and now() < until:
            self.step(calling=False)

    def finish(self, found, allowed):
        self.drain()
        found.holds(not self.open, f"{len(self.open)} of {len(self.open) + len(self.ended)} calls never ended")
        found.holds(not self.strays, f"{self.strays} answers that nobody waited for")
        strange = set(self.ended) - set(allowed)
        found.holds(not strange, f"calls ended with {strange}")


class Scene:
    """One holder, calls that run, and whoever wants the registration next."""

    def __init__(self, found, router, number, form, name, user, via=None):
        self.found, self.router, self.form = found, router, form
        self.procedure = ".".join(["com.example.peers.u4", name, *form, f"r{number}"])
        self.first = Child(holder, router, form, user, self.procedure, via, False)
        registered, _, self.first_id = self.first.hear()
        found.holds(registered is True, f"the first REGISTER: {registered}")
        self.calls = Calls(router, self.procedure)
        self.calls.until(lambda: len(self.calls.ended) > 3, 5)

    def register(self, user, force=False):
        """Another session's REGISTER: its outcome, how long it took, its id, and its process."""
        child = Child(holder, self.router, self.form, user, self.procedure, None, force)
        came = self.calls.until(lambda: child.control.poll(), BACK_WITHIN_S + 3)
        outcome, took, id = child.hear() if came else ("nothing", BACK_WITHIN_S + 3, None)
        return outcome, took, id, child

    def go_on(self, holder):
        """Calls for a while, which must reach this session alone."""
        self.calls.drain()
        before = len(self.calls.ended)
        self.calls.until(lambda: len(self.calls.ended) >= before + 5, 5)
        got = set(self.calls.ended[before:])
        self.found.holds(got == {holder}, f"calls ended with {got}, not with an answer of {holder}")


def comes_back(found, router, number, form):
    """Its network was cut: the old session gives no sign of life."""
    cable = Cable(router, form[0])
    scene = Scene(found, router, number, form, "back", "alice", cable.address)
    cable.cut()
    outcome, took, id, child = scene.register("alice")
    found.holds(outcome is True, f"the second REGISTER: {outcome}")
    found.holds(took <= BACK_WITHIN_S, f"it took {took:.2f} s")
    scene.go_on(id)
    scene.calls.finish(found, (scene.first_id, id, *ENDED))
    found.tell(f"registered after {took:.2f} s, {len(scene.calls.ended)} calls")
    cable.mend()
    try:
        scene.first.tell("nudge")
        mended = now()
        word, code, last = scene.first.hear(30)
        found.tell(f"mended, the old session met {last or 'a closed socket'} after {now() - mended:.1f} s")
        found.holds(word == "gone" and last in (None, "wamp.close.killed"), f"the old session met {word}, {last}")
    except TimeoutError:
        found.holds(False, "the old session did not find its connection closed")


def closes_and_returns(found, router, number, form):
    """A closed connection is cleaned up before the next one of the same client asks for anything."""
    slowest = 0
    procedure = ".".join(["com.example.peers.u4.returns", *form, f"r{number}"])
    for _ in range(20):
        peer = Peer(router, form).join("alice")
        began = now()
        peer.register(procedure, timeout=5)
        slowest = max(slowest, now() - began)
        peer.close()
    found.holds(slowest < 0.5, f"a REGISTER took {slowest:.2f} s")
    found.tell(f"20 times, slowest REGISTER {ms(slowest)}")


def refused(found, router, number, form, name, user):
    """The holder, alice, lives."""
    scene = Scene(found, router, number, form, name, "alice")
    outcome, took, _, _ = scene.register(user)
    found.holds(outcome == TAKEN, f"the second REGISTER: {outcome}")
    found.holds(took <= BACK_WITHIN_S, f"it took {took:.2f} s")
    found.tell(f"refused after {ms(took)}")
    scene.go_on(scene.first_id)
    scene.calls.finish(found, [scene.first_id])
    found.holds(not scene.first.control.poll(), "the holder was disturbed")


def anonymous_is_not_taken_over(found, router, number, form):
    """Two anonymous sessions are not the same client, even when the first is silent."""
    cable = Cable(router, form[0])
    scene = Scene(found, router, number, form, "anonymous_cut", None, cable.address)
    cable.cut()
    outcome, took, _, _ = scene.register(None)
    found.holds(outcome == TAKEN, f"the second REGISTER: {outcome}")
    found.holds(took < 0.5, f"it took {took:.2f} s")
    found.tell(f"refused after {ms(took)}")


def forced(found, router, number, form, name, user, works):
    scene = Scene(found, router, number, form, name, "alice")
    outcome, took, id, _ = scene.register(user, force=True)
    found.holds(outcome is works if works is True else outcome == works, f"the second REGISTER: {outcome}")
    scene.go_on(id if works is True else scene.first_id)
    scene.calls.finish(found, (scene.first_id, id, *ENDED))
    told = scene.first.hear() if scene.first.control.poll(0.5) else None
    if works is not True:
        found.holds(told is None, f"the holder was told {told}")
    elif "registration_revocation" in scene.calls.peer.features:
        found.holds(told and told[:2] == ("unregistered", 0) and "registration" in told[2], f"the holder was told {told}")
    found.tell(f"{'registered' if outcome is True else 'refused'} after {ms(took)}")


def crowd(control, router, procedures):
    """Sessions with registrations; the process ends when it is killed."""
    peers = []
    for index in range(CROWD):
        peer = Peer(router, FORMS[index % 2]).join()
        for procedure in procedures[index * EACH : (index + 1) * EACH]:
            peer.register(procedure)
        peers.append(peer)
    control.send(len(peers))
    control.recv()


def crowd_is_killed(found, router, number):
    procedures = [f"com.example.peers.u4.crowd.r{number}.p{index}" for index in range(CROWD * EACH)]
    child = Child(crowd, router, procedures)
    heir = Peer(router, FORMS[1]).join()
    found.holds(child.hear(60) == CROWD, "the crowd joined")
    killed, tries = now(), 0
    child.kill()
    while procedures and now() - killed < 5:
        asked = {}
        for procedure in procedures:
            heir.request += 1
            asked[heir.request] = procedure
            heir.send(REGISTER, heir.request, {}, procedure)
        tries += 1
        procedures = []
        for _ in asked:
            answer = heir.receive()
            if answer[0] == ERROR:
                procedures.append(asked[answer[2]])
            else:
                found.holds(answer[0] == REGISTERED, f"a strange answer: {answer}")
    took = now() - killed
    found.holds(not procedures, f"{len(procedures)} registrations were not free")
    found.holds(took < 1, f"all were free after {took:.2f} s")
    found.tell(f"{CROWD} sessions of {EACH} registrations: all free after {took:.2f} s, in {tries} tries")


def cases(router):
    for form in router.forms():
        where = f"{NAMES[form[0]]} {form[1]}"
        yield f"cut off and back, {where}", comes_back, form
        yield f"closed and back, {where}", closes_and_returns, form
        yield f"a live holder, same user, {where}", refused, form, "live", "alice"
    for form in router.forms()[:1] if router.quick else router.forms():
        where = f"{NAMES[form[0]]} {form[1]}"
        yield f"a live holder, another user, {where}", refused, form, "other", "bob"
        yield f"a live holder, anonymous, {where}", refused, form, "anonymous", None
        yield f"a silent anonymous holder, {where}", anonymous_is_not_taken_over, form
        yield f"force_reregister with the right, {where}", forced, form, "forced", "chief", True
        yield f"force_reregister without the right, {where}", forced, form, "unforced", "bob", TAKEN
    yield f"{CROWD} clients killed at once", crowd_is_killed


if __name__ == "__main__":
    run("U4", __doc__, cases, parallel=4, repeats=100, alone=[crowd_is_killed])
