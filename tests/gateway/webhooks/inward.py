"""URLs that lead inward, each in its own disguise, and the names that do."""

from __future__ import annotations

from collections.abc import Sequence

LITERAL = (
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1./",
    "http://127.255.255.254:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://127.0.0.1:0{port}/",
    "http://2130706433:{port}/",  # decimal
    "http://017700000001:{port}/",  # octal
    "http://0177.0.0.1:{port}/",
    "http://0177.0.0.01:{port}/",
    "http://0x7f000001:{port}/",  # hexadecimal
    "http://0x7f.0x0.0x0.0x1:{port}/",
    "http://0x7f.1:{port}/",
    "http://0X7F.0.0.1:{port}/",
    "http://127.0x0.0.1:{port}/",
    "http://0x:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://00.00.00.00:{port}/",
    "http://4294967295/",
    "http://127.0.0.1.0/",
    "http://127.0.0.256:{port}/",
    "http://１２７.０.０.１:{port}/",  # full-width digits
    "http://127。0。0。1:{port}/",  # ideographic full stops
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://%31%32%37.0.0.1:{port}/",  # percent-encoded
    "http://127%2e0%2e0%2e1:{port}/",
    "http://127.0.0.1%00.example.com:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{port}/",
    "http://[::]:{port}/",
    "http://[::127.0.0.1]:{port}/",  # compatible
    "http://[::7f00:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",  # mapped
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",  # translated
    "http://[::ffff:169.254.169.254]/latest/meta-data/",
    "http://[64:ff9b::127.0.0.1]:{port}/",  # NAT64
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",  # 6to4
    "http://[2002:7f00:0001:0:0:0:0:1]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",  # Teredo
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/",
    "http://[fc00::1]:{port}/",
    "http://[fd12:3456:789a::1]:{port}/",
    "http://[fd00:ec2::254]/latest/meta-data/",  # metadata
    "http://[fd20:ce::254]/computeMetadata/v1/",
    "http://[fe80::1]:{port}/",
    "http://[fe80::1%25lo]:{port}/",  # a zone
    "http://[fe80::1%lo]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://[2001:db8::1]:{port}/",
    "http://[100::1]:{port}/",
    "http://[::1/",
    "http://::1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0251.0376.0251.0376/latest/meta-data/",
    "http://0xa9fea9fe/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://169.254.1.1/",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/machine",
    "http://192.0.0.192/opc/v2/instance/",
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://192.168.1/",
    "http://100.64.0.1/",  # carrier-grade NAT
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://203.0.113.1/",
    "http://224.0.0.1/",  # multicast
    "http://255.255.255.255/",  # broadcast
    "http://240.0.0.1/",
    "http://user:secret@127.0.0.1:{port}/",  # credentials
    "http://shop.example@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@shop.example/",
    "http://shop.example:secret@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@shop.example/",
    "http://shop.example#@127.0.0.1:{port}/",
    "http://shop.example\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@shop.example/",
    "http:\\\\127.0.0.1:{port}\\",
    "http:127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/ ",
    "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1\r\nHost: shop.example\r\n:{port}/",
    "http://shop.example:{port}/\r\nX-Evil: 1",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET",
    "ftp://127.0.0.1:{port}/",
    "dict://127.0.0.1:{port}/stat",
    "ldap://127.0.0.1:{port}/",
    "unix:///var/run/docker.sock",
    "http+unix://%2fvar%2frun%2fdocker.sock/info",
    "javascript:fetch('http://127.0.0.1:{port}/')",
    "data:text/plain,hello",
    "jar:http://127.0.0.1:{port}/!/",
    "http://localhost:99999/",
    "http://localhost:-1/",
    "http://localhost:0/",
    "http://localhost:８０/",
    "http://local host:{port}/",
    "http://.localhost:{port}/",
    "http://localhost..:{port}/",
    "http://*:{port}/",
    "http://:{port}/",
    "http://",
    "",
)
"""Refused as they are written: no name is resolved."""

NAMED = {
    "localhost": ("127.0.0.1", "::1"),
    "LOCALHOST": ("127.0.0.1",),
    "localhost.": ("127.0.0.1",),
    "localhost.localdomain": ("127.0.0.1",),
    "ｌｏｃａｌｈｏｓｔ": ("127.0.0.1",),
    "ip6-localhost": ("::1",),
    "127.0.0.1.nip.example": ("127.0.0.1",),
    "loopback.shop.example": ("127.0.0.1",),
    "mapped.shop.example": ("::ffff:127.0.0.1",),
    "nat64.shop.example": ("64:ff9b::7f00:1",),
    "zone.shop.example": ("fe80::1%lo",),
    "any.shop.example": ("0.0.0.0",),  # noqa: S104 (nothing listens there)
    "metadata.google.internal": ("169.254.169.254",),
    "metadata.shop.example": ("fd00:ec2::254",),
    "private.shop.example": ("10.1.2.3",),
    "several.shop.example": ("8.8.8.8", "127.0.0.1"),
    "last-of-many.shop.example": ("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "192.168.1.10"),
    "xn--bcher-kva.example": ("127.0.0.1",),
    "bücher.example": ("127.0.0.1",),
}
"""Refused for what they resolve to."""


def urls(port: int) -> list[str]:
    """All of them, at a port."""
    return [text.format(port=port) for text in LITERAL] + [f"http://{name}:{port}/hook" for name in NAMED]


async def looked_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as a hostile name server has them."""
    names = {
        "xn--bcher-kva.example": ("127.0.0.1",),
        **{name.lower().rstrip("."): told for name, told in NAMED.items()},
    }
    try:
        return names[host]
    except KeyError:
        raise OSError(f"{host} has no address") from None
