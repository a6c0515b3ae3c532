"""U1: a frozen callee costs no call its end.

Two callees share a procedure, round robin; one of them freezes while a caller calls every 100 ms. No call may be without an
answer when the ping is overdue; once the callee is suspect every call is answered by the other; when it is cut, its
registration is gone and the meta events came; thawed early it has lost nothing, thawed late it finds its connection closed
and its late answers harm nobody.

Not asserted: what a console lists meanwhile.
"""

import select

from check import run
from freeze import Cable, Child
from peer import ERROR, EVENT, FORMS, INVOCATION, NAMES, RESULT, YIELD, Gone, Peer, Refused, now

CALL_EVERY_S = 0.1
SLACK_S = 1.0
ENDED = ("wamp.error.canceled", "wamp.error.network_failure")


def callee(control, router, form, procedure, via):
    """Answers with its session id. Told "nudge" it looks whether its connection still stands, and says how it ended."""
    peer = Peer(router, form, via).join()
    peer.register(procedure, invoke="roundrobin")
    control.send(peer.id)
    nudging, answered = False, 0
    try:
        while True:
            ready, _, _ = select.select([peer, control], [], [], 0.1 if nudging else None)
            if control in ready:
                nudging = control.recv() == "nudge"
            if nudging:
                peer.ping()
            if peer in ready or peer.waiting:
                while (message := peer.receive(0)) is not None:
                    if message[0] == INVOCATION:
                        answered += 1
                        peer.send(YIELD, message[1], {}, [peer.id])
    except Gone as end:
        control.send((end.code, end.last, answered))


class Caller:
    """Calls at a steady pace, and knows of each call when it was made and how it ended."""

    def __init__(self, router, form, procedure, watcher):
        self.peer, self.procedure, self.watcher = Peer(router, form).join(), procedure, watcher
        self.made, self.ended, self.strays, self.next_call = {}, {}, 0, now()

    def go_on_until(self, until, calling=True):
        while (left := until - now()) > 0 and (calling or len(self.ended) < len(self.made)):
            if calling and now() >= self.next_call:
                self.next_call += CALL_EVERY_S
                self.made[self.peer.start_call(self.procedure)] = now()
            self.watcher.attend()
            message = self.peer.receive(min(left, max(0, self.next_call - now()) if calling else CALL_EVERY_S))
            if message is None:
                continue
            answer = (now(), message[3][0]) if message[0] == RESULT else (now(), message[4])
            request = message[1] if message[0] == RESULT else message[2]
            self.strays += request in self.ended or message[0] not in (RESULT, ERROR)
            self.ended[request] = answer

    def calls(self, since, before=float("inf")):
        """Who answered, or the error, and after how long; `None` for a call without an end."""
        for request, made in self.made.items():
            if since <= made < before:
                ended, by = self.ended.get(request, (now(), None))
                yield by, ended - made


class Scene:
    """Two callees, the first of which can be frozen, a caller, and somebody who hears the meta events."""

    def __init__(self, name, found, router, number, form, way):
        self.found, self.router = found, router
        procedure = ".".join(["com.example.peers.u1", name, way, *form, f"r{number}"]).replace(" ", "_")
        self.cable = Cable(router, form[0]) if way == "cut off" else None
        self.victim = Child(callee, router, form, procedure, self.cable and self.cable.address)
        self.other = Child(callee, router, form, procedure, None)
        self.ids = [self.victim.hear(), self.other.hear()]
        self.watcher = Peer(router, ("ws", "json")).join()
        self.meta = "registration_meta_api" in self.watcher.features
        if self.meta:
            self.registration = self.watcher.call("wamp.registration.lookup", procedure)
            for topic in ["wamp.registration.on_unregister", "wamp.session.on_leave"]:
                self.watcher.subscribe(topic)
        else:
            found.omit("registration meta API: it is not announced")
        self.caller = Caller(router, form, procedure, self.watcher)

    def freeze(self):
        if self.cable:
            self.cable.cut()
        else:
            self.victim.freeze()
        return now()

    def thaw(self):
        if self.cable:
            self.cable.mend()
        else:
            self.victim.thaw()

    def callees(self):
        try:
            return self.watcher.call("wamp.registration.list_callees", self.registration)
        except Refused as error:
            return error.uri


def late(found, router, number, form, way):
    """Frozen until long after it was cut."""
    scene = Scene("late", found, router, number, form, way)
    caller, (victim, other) = scene.caller, scene.ids
    head, whole = (0.5, 0.5 + router.interval + router.timeout + SLACK_S) if router.quick else (5, 60)
    began = now()
    caller.go_on_until(began + head)
    frozen = scene.freeze()
    caller.go_on_until(began + whole)
    caller.go_on_until(now() + router.interval + router.timeout + SLACK_S, calling=False)

    found.holds({by for by, _ in caller.calls(0, frozen - 0.1)} == {victim, other}, "both answered before")
    bound = router.interval + router.timeout + SLACK_S
    calls = list(caller.calls(0))
    unanswered = sum(by is None for by, _ in calls)
    longest = max(seconds for by, seconds in calls)
    found.holds(unanswered == 0, f"{unanswered} of {len(calls)} calls never ended")
    found.holds(longest <= bound, f"a call took {longest:.1f} s, at most {bound:.1f} s")
    errors = {by for by, _ in calls} - {victim, other, None}
    found.holds(errors <= set(ENDED), f"calls ended with {errors}")
    suspected = frozen + router.interval + router.suspect + 0.2
    astray = sum(by != other or seconds > SLACK_S for by, seconds in caller.calls(suspected))
    found.holds(astray == 0, f"{astray} calls after the suspicion were not answered by the other callee at once")
    hurt = [made - frozen for request, made in caller.made.items() if made >= frozen and caller.ended.get(request, (0, 0))[1] != other]
    found.tell(f"{len(calls)} calls, {sum(by in ENDED for by, _ in calls)} canceled, {unanswered} without an end")
    found.tell(f"longest {longest:.2f} s, none hurt later than {max(hurt, default=0):.1f} s after the freeze")
    if scene.meta:
        callees = scene.callees()
        found.holds(callees == [other], f"the registration names {callees}, not the other callee alone")
        for event in [[victim, scene.registration], victim]:
            wanted = lambda m: m[0] == EVENT and (m[4][:2] == event or m[4][:1] == [event])
            try:
                scene.watcher.await_message(wanted, 2)
            except TimeoutError:
                found.holds(False, f"no meta event with {event}")

    scene.thaw()
    if scene.cable:
        scene.victim.tell("nudge")
    try:
        code, last, _ = scene.victim.hear(5)
        found.holds(code in (None, 1008), f"thawed it met close code {code}")
        found.tell(f"thawed it met close code {code}" if code else "thawed it met a closed socket")
    except TimeoutError:
        found.holds(False, "thawed it did not find its connection closed")
    thawed = now()
    caller.go_on_until(thawed + 0.6)
    caller.go_on_until(now() + SLACK_S, calling=False)
    found.holds({by for by, _ in caller.calls(thawed)} == {other}, "the other callee went on after the thaw")
    found.holds(caller.strays == 0, f"{caller.strays} answers that nobody waited for")


def early(found, router, number, form, way):
    """Thawed before it is suspect: nobody notices more than a delay."""
    scene = Scene("early", found, router, number, form, way)
    caller, length = scene.caller, 0.8 * router.suspect
    began = now()
    caller.go_on_until(began + 0.3)
    scene.freeze()
    caller.go_on_until(now() + length)
    scene.thaw()
    thawed = now()
    # A connection that was cut off comes back when the kernel next repeats what was not acknowledged.
    caller.go_on_until(thawed + (1.5 if scene.cable else 0.6))
    caller.go_on_until(now() + 2, calling=False)
    calls = list(caller.calls(0))
    found.holds({by for by, _ in calls} == set(scene.ids), f"calls ended by {({by for by, _ in calls})}, not by both callees alone")
    found.holds({by for by, _ in caller.calls(thawed)} == set(scene.ids), "both answer after the thaw")
    found.holds(caller.strays == 0, f"{caller.strays} answers that nobody waited for")
    if scene.meta:
        found.holds(sorted(scene.callees()) == sorted(scene.ids), "both are registered as before")
        gone = [m for m in iter(lambda: scene.watcher.receive(0.05), None) if m[0] == EVENT and m[4][0] == scene.ids[0]]
        found.holds(not gone, f"meta events about it: {gone}")
    found.tell(f"{len(calls)} calls, longest {max(seconds for _, seconds in calls):.2f} s")


def cases(router):
    for form in router.forms():
        for way in ["stopped", "cut off"]:
            yield f"{way}, {NAMES[form[0]]} {form[1]}", late, form, way
    for form in router.forms():
        yield f"stopped and thawed early, {NAMES[form[0]]} {form[1]}", early, form, "stopped"
    yield f"cut off and mended early, {NAMES['ws']} json", early, FORMS[0], "cut off"


if __name__ == "__main__":
    run("U1", __doc__, cases, parallel=8, repeats=100)
