"""U3: a subscriber that does not read costs its own events, and nobody else's.

One subscriber is frozen, one reads; 1 GiB (24 MiB in the quick form) is published in events of 8 KiB, 256 KiB and 1 MiB, under
each overflow policy. The router's memory grows by no more than the bound of one queue and 20 %, and does not add up over the
runs; the healthy subscriber gets every event in order; acknowledgements are not delayed. What is lost is counted: by the
metric, by the meta event, in the session's details, and by `_wharf_missed` in the next event that arrives; the numbers agree.
A cut subscriber, thawed, finds the reason or a closed socket. A thousand frozen subscribers together (200 in the quick form)
cost less than 64 KiB each: an event is held once, however many have not read it.

Where events are dropped the subscriber is let go for an instant several times within `queue.stall`, or it would be cut.
Acknowledgements are compared as in U2, memory with the most that was used without the frozen one. `--only disconnect` is for
routers without overflow policies.
"""

import select
import time

from check import Memory, compare_times, mib, ms, percentile, run
from freeze import Cable, Child, fork
from peer import EVENT, FORMS, NAMES, PUBLISH, Gone, Peer, now

QUEUE = 4 * 2**20
LEAD = 2**20
SIZES = {"8 KiB": 2**13, "256 KiB": 2**18, "1 MiB": 2**20}
USERS = {"disconnect": None, "drop_oldest": "newest", "drop_newest": "unbroken"}
SLOW = 'wharf_refused_total{reason="slow_consumer"}'
DROPPED = "wharf_outbox_dropped_total"
KEPT_MAX = 64 * 2**20


def subscriber(control, router, form, topic, user, via, newest):
    """Notes the number of each event and what it is told to have missed; says so when asked, and how it ends."""
    peer = Peer(router, form, via).join(user)
    peer.subscribe(topic)
    control.send(peer.id)
    numbers, missed, nudging = [], 0, False
    try:
        while True:
            ready, _, _ = select.select([peer, control], [], [], 0.1 if nudging else None)
            if control in ready:
                nudging = control.recv() == "nudge"
                if not nudging:
                    control.send(("here", numbers, missed))
            if nudging:
                peer.ping()
            if peer in ready:
                # One at a time: an answer that is waited for must not wait for the rest.
                message = peer.receive(0)
                while message is not None:
                    if message[0] == EVENT:
                        newest.value = message[4][0]
                        numbers.append(newest.value)
                        missed += message[3].get("_wharf_missed", 0)
                    message = peer.receive(0) if len(peer.buffer) else None
    except Gone as end:
        control.send(("gone", end.code, end.last))


def many_subscribers(control, router, form, topic, user, many):
    """Many sessions in one process, with little room in the kernel, so that the router's queues fill."""
    peers = [Peer(router, form, small=True).join(user) for _ in range(many)]
    for peer in peers:
        peer.subscribe(topic)
    control.send(len(peers))
    control.recv()


class Publisher:
    """Publishes one event at a time, and notes how long each acknowledgement took. Never far ahead of who reads."""

    def __init__(self, router, form, topic, size):
        self.peer, self.topic, self.text = Peer(router, form).join(), topic, "x" * (size - 64)
        self.number, self.lead = 0, max(1, LEAD // size)
        self.read = fork.Value("q", -1)
        self.healthy = Child(subscriber, router, form, topic, None, None, self.read)
        self.healthy.hear()
        self.watcher = Peer(router, FORMS[0]).join()
        self.watcher.subscribe("wharf.session.on_overflow")
        self.watcher.subscribe("wamp.session.on_leave")

    def publish(self, count, memory=None, meanwhile=lambda: None):
        times = []
        for _ in range(count):
            began = now()
            self.peer.ask(PUBLISH, {"acknowledge": True}, self.topic, [self.number, self.text])
            times.append(now() - began)
            self.number += 1
            late = now() + 10
            while self.number - self.read.value > self.lead and now() < late:
                time.sleep(0)
            if memory:
                memory.look()
            self.watcher.attend()
            meanwhile()
        return times

    def hear(self, victim, seconds):
        """The meta events about one session, in order: those of an overflow as dicts, its end as its id."""
        until, heard = now() + seconds, []
        while (left := until - now()) > 0:
            self.peer.attend()
            message = self.watcher.receive(min(left, 0.1))
            told = message[4][0] if message and message[0] == EVENT else None
            if told == victim or isinstance(told, dict) and told.get("session") == victim:
                heard.append(told)
                if told == victim or told["closed"]:
                    until = min(until, now() + 0.3)
        return heard


class Alarm:
    """Lets a stopped process go for an instant, well within the time after which it would be cut."""

    def __init__(self, child, router):
        self.child, self.every, self.last = child, router.stall / 4, now()

    def __call__(self):
        if now() - self.last > self.every:
            self.child.thaw()
            time.sleep(0.03)
            self.child.freeze()
            self.last = now()


def what_came(child):
    state, *told = child.ask("what came")
    if state == "gone":
        raise ConnectionError(f"a subscriber was cut: {told}")
    return told


def until_received(child, number, seconds=20):
    """What the subscriber has, as soon as it has the event of this number."""
    until = now() + seconds
    while (told := what_came(child)) and (told[0] or [-1])[-1] < number and now() < until:
        time.sleep(0.02)
    return told


def overflowing(found, router, number, form, policy, size, way="stopped"):
    topic = ".".join(["com.example.peers.u3", policy, way, *form, str(size), f"r{number}"]).replace(" ", "_")
    publisher = Publisher(router, form, topic, size)
    volume = (24 if router.quick else 1024) * 2**20
    memory = Memory(router)
    before = publisher.publish(max(40, min(volume // 4, 64 * 2**20) // size), memory)
    memory.rebase()
    cable = Cable(router, form[0]) if way == "cut off" else None
    frozen = Child(subscriber, router, form, topic, USERS[policy], cable and cable.address, fork.Value("q"))
    victim = frozen.hear()
    first, counted = publisher.number, [router.counter(SLOW), router.counter(DROPPED)]
    cable.cut() if cable else frozen.freeze()
    alarm = Alarm(frozen, router) if policy != "disconnect" else lambda: None
    after = publisher.publish(volume // size, memory, alarm)
    last = publisher.number - 1

    numbers, _ = until_received(publisher.healthy, last)
    found.holds(numbers == list(range(publisher.number)), f"the healthy subscriber has {len(numbers)} of {publisher.number} events")
    found.tell(f"{last + 1 - first} events")
    compare_times(found, router, "acknowledgements", before, after)
    if policy == "disconnect":
        was_cut(found, router, publisher, frozen, victim, cable, counted)
    else:
        lost_and_counted(found, router, publisher, frozen, victim, policy, first, counted)
    # Besides, an event that passes through is there as it was read, as it was encoded, and as it is written.
    judge_memory(found, memory, QUEUE * 1.2 + 3 * size)


def was_cut(found, router, publisher, frozen, victim, cable, counted):
    heard = publisher.hear(victim, router.stall + 1)
    cable.mend() if cable else frozen.thaw()
    if cable:
        frozen.tell("nudge")
    try:
        _, code, last = frozen.hear(10)
        found.holds(last in (None, "wharf.error.slow_consumer"), f"thawed it was told {last}")
        found.holds(code in (None, 1008), f"thawed it met close code {code}")
        found.tell(f"thawed it met {last or 'a closed socket'}")
    except TimeoutError:
        found.holds(False, "thawed it did not find its connection closed")
    if counted[0] is not None:
        found.holds(router.counter(SLOW) - counted[0] == 1, "one slow consumer was not counted")
        told = [told.get("closed") if isinstance(told, dict) else "left" for told in heard]
        found.holds(told in ([True], [True, "left"]), f"the meta events told {heard}")


def lost_and_counted(found, router, publisher, frozen, victim, policy, first, counted):
    frozen.thaw()
    # What it missed last is told by the next event that it gets: one that comes when all others are through.
    seen, heard = None, []
    while seen != (seen := len(what_came(frozen)[0])):
        heard += publisher.hear(victim, 0.3)
    last = publisher.number - 1
    publisher.publish(1)
    numbers, missed = until_received(frozen, publisher.number - 1)
    lost = publisher.number - first - len(numbers)
    gaps = set(range(first, publisher.number)) - set(numbers)
    found.holds(lost > 0, "nothing was lost: the volume is too small for this machine's buffers")
    found.holds(numbers == sorted(set(numbers)), "what came is in order")
    if policy == "drop_oldest":
        found.holds(last in numbers, "the newest event was dropped")
    figures = {"published less received": lost, "told by _wharf_missed": missed, "gaps": len(gaps)}
    if counted[1] is not None:
        figures["the metric"] = int(router.counter(DROPPED) - counted[1])
    # At most one a second, so that the last may come a second late.
    until = now() + 3
    while (not heard or isinstance(heard[-1], dict) and heard[-1]["dropped"] < lost) and now() < until:
        heard += publisher.hear(victim, 0.1)
    fits = lambda event: isinstance(event, dict) and event["policy"] == policy and not event["closed"]
    rising = heard and all(map(fits, heard)) and [event["dropped"] for event in heard]
    found.holds(rising and rising == sorted(set(rising)), f"the meta events told {heard}")
    figures["the last meta event"] = rising[-1] if rising else None
    figures["the session's details"] = publisher.watcher.call("wamp.session.get", victim).get("wharf_dropped", 0)
    found.holds(len(set(figures.values())) == 1, f"the losses differ: {figures}")
    found.tell(f"{lost} lost, told and counted, {len(heard)} meta events")


def judge_memory(found, memory, bound):
    if memory.start is None:
        found.omit("memory: no --pid")
        return
    found.holds(memory.peak < bound, f"memory grew by {mib(memory.peak)}")
    # An allocator keeps some; what matters is that it does not add up over the runs of this script.
    kept = memory.router.resident() - memory.router.resident_at_start
    found.holds(kept < KEPT_MAX, f"of all runs so far {mib(kept)} stayed")
    found.tell(f"memory {mib(memory.peak)}, then {mib(memory.growth())}, {mib(kept)} since the start")


def many_at_once(found, router, number, form, policy, many):
    topic = f"com.example.peers.u3.many.{policy}.r{number}"
    publisher = Publisher(router, form, topic, SIZES["8 KiB"])
    crowd = Child(many_subscribers, router, form, topic, USERS[policy], many)
    crowd.hear(60)
    memory = Memory(router)
    crowd.freeze()
    began = now()
    times = publisher.publish(2 * QUEUE // SIZES["8 KiB"], memory)
    took = now() - began
    numbers, _ = until_received(publisher.healthy, publisher.number - 1)
    found.holds(numbers == list(range(publisher.number)), f"the healthy subscriber has {len(numbers)} of {publisher.number} events")
    crowd.kill()
    found.tell(f"{len(times)} events past {many} frozen subscribers in {took:.1f} s, p99 {ms(percentile(times, 0.99))}")
    judge_memory(found, memory, many * 2**16)


def cases(router):
    forms = router.forms()
    turn = 0
    for policy in USERS:
        for label, size in SIZES.items():
            # In the quick form the sizes take turns with the forms; the combinations are for the full one.
            for form in [forms[turn % len(forms)]] if router.quick else forms:
                yield f"{policy}, {label}, {NAMES[form[0]]} {form[1]}", overflowing, form, policy, size
            turn += 1
    yield "disconnect, 256 KiB, cut off, WebSocket json", overflowing, FORMS[0], "disconnect", SIZES["256 KiB"], "cut off"
    many = 200 if router.quick else 1_000
    for policy in ["disconnect"] if router.quick else USERS:
        yield f"{policy}, {many} frozen at once", many_at_once, FORMS[0], policy, many


if __name__ == "__main__":
    run("U3", __doc__, cases)
