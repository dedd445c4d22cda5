"""Texts that mean something to the control API, and for which JSON Schema has no names."""

import base64
import datetime
import ipaddress

import schemathesis
from hypothesis import strategies as st

LABEL = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp", "Cn")), min_size=1, max_size=60
)
TOKEN = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-_."), min_size=1, max_size=20)
ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
HOST = st.sampled_from(["external.advisor", "example.org", "192.0.2.1"])
# Far enough ahead that none of them is over.
DAY = st.dates(min_value=datetime.date(2040, 1, 1), max_value=datetime.date(2090, 1, 1))


def network(address_and_length):
    address, length = address_and_length
    bits = ipaddress.ip_address(address).max_prefixlen
    return str(ipaddress.ip_network((address, min(length, bits)), strict=False))


FORMATS = {
    "ip-address": ADDRESS,
    "cidr": st.tuples(ADDRESS, st.integers(0, 128)).map(network),
    "day-or-time": DAY.map(str),
    "date-time": DAY.map(lambda day: f"{day}T12:00:00Z"),
    "duration-text": st.tuples(st.integers(1, 1000), st.sampled_from("smhd")).map(lambda pair: f"{pair[0]}{pair[1]}"),
    "aor": st.tuples(TOKEN, HOST).map("@".join),
    "sip-contact": st.tuples(TOKEN, HOST).map(lambda pair: f"sip:{pair[0]}@{pair[1]}"),
    "ed25519-public-key": st.binary(min_size=32, max_size=32).map(lambda key: base64.b64encode(key).decode()),
    "label": LABEL,
    "password": LABEL,
    "header-value": st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60),
}
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)
