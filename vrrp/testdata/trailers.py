#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes trailers.json: adverts with the HMAC trailer of keepalived 2.4.2, and what becomes of them.

It is a second implementation, from the description of the format alone and with nothing of Regent's: what both agree on
is no slip of one of them.

	./trailers.py >trailers.json

The trailer, after the whole message: type 1, key id, two octets of 0, sequence number (8 octets: seconds since 1970,
1/65536 s, counter), and the first 16 octets of HMAC-SHA256 over

	{4 or 6, version, VRID, 0, source in 16 octets}  the message with a checksum of 0  the trailer with a digest of 0

The checksum of IPv4 is of the message without the trailer, that of IPv6 of all.
"""

import hashlib
import hmac
import ipaddress
import json

SHORT = bytes(range(1, 33))
LONG = b"k" * 64
OTHER = b"another key, which nobody has ..."[:32]
NOW = 1790000000 * 10**9  # on the clock, in nanoseconds
SECOND = 10**9


def ones(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def packed(address):
    return ipaddress.ip_address(address).packed


def pseudo(source, destination, length):
    s, d = packed(source), packed(destination)
    if len(s) == 4:
        return s + d + bytes([0, 112]) + length.to_bytes(2, "big")
    return s + d + length.to_bytes(4, "big") + bytes([0, 0, 0, 112])


def message(version, vrid, priority, interval, addresses, source, destination, covers="pseudo-header", password=b""):
    """interval is in seconds (version 2) or centiseconds (version 3)"""
    m = bytes([version << 4 | 1, vrid, priority, len(addresses)])
    if version == 2:
        m += bytes([1 if password else 0, interval])
    else:
        m += interval.to_bytes(2, "big")
    m += bytes(2) + b"".join(packed(a) for a in addresses)
    if version == 2:
        return summed(m + password.ljust(8, b"\0"), b"")
    return summed(m, pseudo(source, destination, len(m)) if covers == "pseudo-header" else b"")


def summed(m, before):
    m = m[:6] + bytes(2) + m[8:]
    return m[:6] + ones(before + m).to_bytes(2, "big") + m[8:]


def sequence(clock, counter=0):
    seconds, rest = divmod(clock, SECOND)
    return (seconds & 0xFFFFFFFF) << 32 | (rest * 65536 // SECOND) << 16 | counter


def trailer(m, source, key_id, key, number, kind=1, reserved=0):
    s = packed(source)
    front = bytes([4 if len(s) == 4 else 6, m[0] >> 4, m[1], 0]) + s + bytes(16 - len(s))
    start = bytes([kind, key_id]) + reserved.to_bytes(2, "big") + number.to_bytes(8, "big")
    zeroed = m[:6] + bytes(2) + m[8:]
    return start + hmac.new(key, front + zeroed + start + bytes(16), hashlib.sha256).digest()[:16]


def sealed(m, source, destination, key_id, key, number, **odd):
    whole = m + trailer(m, source, key_id, key, number, **odd)
    if ":" in source:
        whole = summed(whole, pseudo(source, destination, len(whole)))
    return whole


FORMS = {
    "version 3 over IPv4": dict(version=3, addresses=["10.0.1.51"], interval=100, us="10.0.0.5", peer="10.0.0.9", group="224.0.0.18"),
    "version 3 over IPv4, checksum of RFC 9568": dict(version=3, addresses=["10.0.1.51"], interval=100, us="10.0.0.5", peer="10.0.0.9", group="224.0.0.18", covers="message"),
    "version 3 over IPv6": dict(version=3, addresses=["fe80::1:51", "fd00::51"], interval=100, us="fe80::5", peer="fe80::9", group="ff02::12"),
    "version 2": dict(version=2, addresses=["10.0.1.51"], interval=1, us="10.0.0.5", peer="10.0.0.9", group="224.0.0.18"),
}


def advert(form, source=None, destination=None, priority=150):
    f = FORMS[form]
    source, destination = source or f["peer"], destination or f["group"]
    return message(f["version"], 51, priority, f["interval"], f["addresses"], source, destination, f.get("covers", "pseudo-header"))


def vectors():
    for form, f in FORMS.items():
        for destination in (f["group"], f["us"]):
            for key_id, key in ((1, SHORT), (255, LONG)):
                for number in (0, sequence(NOW), sequence(NOW + SECOND // 2, 3), 2**64 - 1):
                    m = advert(form, destination=destination)
                    yield dict(name=form, version=f["version"], addresses=f["addresses"], source=f["peer"], destination=destination, key_id=key_id,
                               key=key.hex(), sequence=f"{number:016x}", message=m.hex(),
                               packet=sealed(m, f["peer"], destination, key_id, key, number).hex())


class Receiver:
    """What a receiver makes of packets, from the description: the order of the checks, and who is remembered.

    What it does not say: a receiver whose own clock was set back by more than the window takes a number that is below the
    last one, as senders start again then.
    """

    def __init__(self, mode="enforce", anti_replay="time", window=5, keys=None, peers=()):
        self.mode, self.anti_replay, self.window, self.peers = mode, anti_replay, window, list(peers)
        self.keys = keys or {1: SHORT, 255: LONG}
        self.seen = []  # [source, sequence], the one heard least recently first

    def judge(self, clock, source, plain, t):
        if not t:
            return "missing" if self.mode == "enforce" else "accepted"
        if t[0] != 1 or t[2] or t[3]:
            return "malformed"
        number = int.from_bytes(t[4:12], "big")
        off = signed(number - sequence(clock))
        if self.anti_replay == "time" and abs(off) > self.window << 32:
            return "stale"
        if t[1] not in self.keys:
            return "unknown key"
        if trailer(plain, source, t[1], self.keys[t[1]], number) != t:
            return "wrong"
        if self.peers and source not in self.peers:
            return "no peer"
        for i, (who, last) in enumerate(self.seen):
            if who == source:
                back = self.anti_replay == "time" and signed(last - sequence(clock)) > self.window << 32
                if signed(number - last) <= 0 and not back:
                    return "replay"
                del self.seen[i]
                break
        self.seen.append((source, number))
        if not self.peers and len(self.seen) > 4:
            del self.seen[0]
        return "accepted"


def signed(n):
    n &= 2**64 - 1
    return n - 2**64 if n >> 63 else n


def exchange(name, form, steps, peers=(), **options):
    """Each step: the receiver's clock, source, the packet's (key id, key, sequence) or None, and what is odd about its trailer."""
    f = FORMS[form]
    r = Receiver(peers=peers, **options)
    out = []
    for clock, source, sign, odd in steps:
        destination = f["us"] if peers else f["group"]
        m = advert(form, source, destination)
        t = trailer(m, source, *sign, **odd) if sign else b""
        packet = sealed(m, source, destination, *sign, **odd) if sign else m
        out.append(dict(clock=clock, source=source, destination=destination, packet=packet.hex(), want=r.judge(clock, source, m, t)))
    return dict(name=f"{name}, {form}", version=f["version"], addresses=f["addresses"], us=f["us"], mode=r.mode, anti_replay=r.anti_replay,
                window=r.window, keys={k: v.hex() for k, v in r.keys.items()}, peers=list(peers), steps=out)


def exchanges():
    for form, f in FORMS.items():
        p = f["peer"]
        net = p[: p.rindex(":" if ":" in p else ".") + 1]

        def at(seconds, key=(1, SHORT)):
            return (*key, sequence(NOW + int(seconds * SECOND)))

        every = [
            (NOW, p, None, {}),
            (NOW, p, at(0), {}),
            (NOW, p, at(1, (255, LONG)), {}),
            (NOW, p, at(2), dict(kind=2)),
            (NOW, p, at(2), dict(reserved=256)),
            (NOW, p, at(2), dict(reserved=1)),
            (NOW, p, at(5), {}),
            (NOW, p, at(6), {}),
            (NOW, p, at(-6), {}),
            (NOW, p, at(5.5, (7, SHORT)), {}),
            (NOW, p, at(4.5, (7, SHORT)), {}),
            (NOW, p, at(4.5, (1, OTHER)), {}),
            (NOW, p, at(5), {}),
            (NOW, p, at(4), {}),
            (NOW + SECOND, p, at(5.5), {}),
        ]
        for mode in ("enforce", "permissive", "receive-only"):
            for anti_replay in ("time", "monotonic"):
                yield exchange(f"{mode}, {anti_replay}", form, every, mode=mode, anti_replay=anti_replay)
        sources = [net + str(n) for n in (11, 12, 13, 14, 15)]
        crowd = [(NOW, s, at(0), {}) for s in sources] + [(NOW, s, at(0), {}) for s in sources] + [(NOW, s, at(1), {}) for s in sources]
        yield exchange("four sources by multicast", form, [step for step in crowd if step[1] != sources[4]])
        yield exchange("five sources by multicast", form, crowd[:4] + [(NOW, sources[0], at(1), {}), (NOW, sources[4], at(0), {})] + crowd)
        yield exchange("five peers", form, crowd + [(NOW, net + "99", at(0), {})], peers=sources)
        rollover = [(NOW + i * SECOND, p, at(i, (1, SHORT) if i < 3 else (255, LONG)), {}) for i in range(6)]
        yield exchange("rollover to a key that is there", form, rollover)
        yield exchange("rollover to a key that is not there", form, rollover, keys={1: SHORT})
        # The sender's clock is set back by 2 s: it counts on from its last number. Then by 60 s: it starts again, and is stale
        # until the receiver's clock is set back too. What was sent before that is from the future then, and a replay when
        # the time has come.
        back = NOW - 60 * SECOND
        step = [(NOW, p, at(0), {}), (NOW + SECOND, p, (1, SHORT, sequence(NOW) + 1), {}), (NOW + 2 * SECOND, p, at(-59), {}),
                (back, p, at(0), {}), (back, p, at(-60), {}), (back, p, at(-60), {}), (back + SECOND, p, at(-59), {}),
                (back + SECOND, p, at(-59.5), {}), (NOW, p, at(0), {}), (NOW, p, at(-59), {})]
        yield exchange("clocks are set back", form, step)
        yield exchange("clocks are set back, monotonic", form, step, anti_replay="monotonic")
        wrap = 2**32 * SECOND
        yield exchange("the seconds begin anew in 2106", form, [(wrap - SECOND, p, (1, SHORT, sequence(wrap - SECOND)), {}),
                                                                (wrap + SECOND, p, (1, SHORT, sequence(wrap + SECOND)), {})])


def sendings():
    """What a sender sends as its clock goes."""
    for form, f in FORMS.items():
        if "RFC" in form:
            continue
        for anti_replay in ("time", "monotonic"):
            last, out = 0, []
            for late in (0, 0, 0.00001, 1, 0.5, -3, -3, -4, -60, -60, 0, 3600):
                clock = NOW + int(late * SECOND)
                number = sequence(clock)
                ahead = signed(last + 1 - number)
                if ahead > 0 and (anti_replay == "monotonic" or ahead <= 5 << 32):
                    number = last + 1
                last = number
                m = advert(form, f["us"])
                out.append(dict(clock=clock, packet=sealed(m, f["us"], f["group"], 1, SHORT, number).hex()))
            yield dict(name=f"{form}, {anti_replay}", version=f["version"], addresses=f["addresses"], us=f["us"], destination=f["group"],
                       anti_replay=anti_replay, window=5, key_id=1, key=SHORT.hex(), steps=out)


def compact(name, items):
    return f' "{name}": [\n' + ",\n".join("  " + json.dumps(i) for i in items) + "\n ]"


print("{\n" + ",\n".join(compact(n, list(g())) for n, g in (("vectors", vectors), ("exchanges", exchanges), ("sendings", sendings))) + "\n}")
