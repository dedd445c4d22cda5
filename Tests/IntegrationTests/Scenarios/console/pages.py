"""All pages: that each can be used by everybody, and how they look."""

import os

from common import Wrong, expect, say

PAGES = {
    "now": "#/now",
    "calls": "#/calls?show=all",
    "allowlist": "#/access/allowlist",
    "bans": "#/access/bans",
    "experts": "#/access/experts",
    "subscribers": "#/access/subscribers",
    "keys": "#/access/keys",
    "test": "#/access/test",
    "certificates": "#/certificates",
    "witness": "#/witness",
    "health": "#/health",
}


def pages(browser, arguments):
    """What is asked of each page: names for all that can be used, one heading, landmarks, no sideways scrolling."""
    browser.open()
    browser.until("one('.sign-in input')", "the key is asked for")
    check_page(browser, "sign-in")
    browser.sign_in()
    browser.settled()
    for name, address in PAGES.items():
        browser.go(address)
        for width in (1280, 390):
            browser.size(width, 900)
            for scheme in ("light", "dark"):
                browser.scheme(scheme)
                check_page(browser, f"{name} ({scheme}, {width} wide)")
        browser.size(1280, 900)
        say(f"{name}: {browser.js('document.title')}")
    keyboard(browser)
    return ["status of 401"]


def check_page(browser, name):
    count = browser.js("({ h1: all('h1').length, main: all('main').length, ids: all('[id]').map((it) => it.id),"
                       " lang: document.documentElement.lang, title: document.title,"
                       " images: all('img:not([alt])').length, over: document.documentElement.scrollWidth - innerWidth,"
                       " fields: all('input, select, textarea').filter((it) => !it.labels?.length"
                       "     && !it.getAttribute('aria-label')).map((it) => it.outerHTML),"
                       " levels: all('h1, h2, h3, h4').map((it) => Number(it.tagName[1])) })")
    expect(count["h1"] == 1, f"{name}: {count['h1']} headings of level 1")
    expect(count["main"] == 1 and count["lang"] == "en" and count["title"], f"{name}: no main, language or title")
    expect(len(set(count["ids"])) == len(count["ids"]), f"{name}: an id twice: {sorted(count['ids'])}")
    expect(not count["images"], f"{name}: an image without alternative text")
    expect(not count["fields"], f"{name}: fields without label: {count['fields']}")
    expect(count["over"] <= 0, f"{name}: {count['over']} px wider than the window")
    odd = browser.js("document.body.innerText.match(/.*\\b(NaN|undefined|null|Invalid Date)\\b.*|.*\\[object.*/)?.[0]")
    expect(not odd, f"{name}: shows '{odd}'")
    levels = count["levels"]
    expect(all(after <= before + 1 for before, after in zip(levels, levels[1:])), f"{name}: headings jump: {levels}")
    used = {"button", "link", "textbox", "combobox", "checkbox", "slider", "spinbutton", "region", "table",
            "searchbox", "DisclosureTriangle"}
    nodes = list(browser.accessible())
    unnamed = [role for role, said in nodes if role in used and not said]
    expect(not unnamed, f"{name}: without a name: {unnamed}")
    roles = {role for role, _ in nodes}
    expect("main" in roles, f"{name}: no main landmark in {roles}")
    faint = browser.js(CONTRAST)
    expect(not faint, f"{name}: text of too little contrast: {faint}")


# WCAG 2 AA: 4.5 to 1 for text, 3 to 1 where it is large; disabled controls are left out.
CONTRAST = """(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
    const light = (color) => {
        const [r, g, b] = color.map((it) => it / 255).map((it) =>
            (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        const chain = [];
        for (let it = element; it; it = it.parentElement) chain.unshift(rgba(getComputedStyle(it).backgroundColor));
        return chain.reduce((below, color) => over(color, below), rgba('Canvas'));
    };
    const faint = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility({ opacityProperty: true })) continue;
        if (element.matches('noscript, script, option, :disabled, .skip') || element.closest('.unseen')) continue;
        const style = getComputedStyle(element);
        const ground = behind(element);
        const [one, other] = [light(over(rgba(style.color), ground)), light(ground)];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (isLarge ? 3 : 4.5)) faint.add(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
    }
    return [...faint];
})()"""


def keyboard(browser):
    """The first stop leads past the menu; a dialog is opened, left, and gives the focus back."""
    browser.go("#/access/allowlist")
    browser.js("document.activeElement.blur()")
    browser.reload()
    browser.until("text('main h1') === 'Access'", "the page is shown again")
    browser.js("document.activeElement.blur()")
    browser.key("Tab")
    if not browser.js("document.activeElement.id === 'skip'"):
        # Focus goes on from the heading; from the top of the document it is the first stop.
        browser.js("one('#skip').focus()")
    browser.key("Enter")
    browser.until("document.activeElement === one('main')", "the skip link leads to the content")
    for _ in range(12):
        browser.key("Tab")
        if browser.js("document.activeElement.innerText === 'Allow a network'"):
            break
    else:
        raise Wrong("the button is not reached by the Tab key")
    outline = browser.js("getComputedStyle(document.activeElement).outlineStyle")
    expect(outline != "none", "where the focus is can't be seen")
    browser.key("Enter")
    browser.until("document.activeElement.name === 'cidr'", "the dialog opens by keyboard")
    browser.key("Escape")
    browser.until("!one('dialog') && document.activeElement.innerText === 'Allow a network'",
                  "the focus is back at the button")
    say("keyboard: skip link, tabs, dialog, Escape")


def screenshots(browser, arguments):
    """Every page in light and dark, and what is happening now as on a phone."""
    directory = arguments["directory"]
    os.makedirs(directory, exist_ok=True)
    browser.open()
    browser.until("one('.sign-in input')", "the key is asked for")

    def both(name, full=True):
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            path = f"{directory}/console-{name}-{scheme}.png"
            browser.picture(path, full)
            say(f"{os.path.basename(path)} {os.path.getsize(path)}")
        browser.size(1280, 900)

    both("sign-in", full=False)
    browser.sign_in()
    browser.settled()
    for name, address in PAGES.items():
        browser.go(address)
        if name == "now":
            browser.until("text('.stream') === 'Live'", "the events are live")
        elif name == "test":
            for field in ("source", "user", "to"):
                if field in arguments:
                    browser.write(field, arguments[field])
            browser.click("Ask the layers")
            browser.until("all('.layers li').length === 7", "the layers have answered")
        elif name == "witness":
            browser.click("Verify the log")
            browser.until("one('.verdict')", "the log is verified")
        both(name, full=name not in ("calls", "witness"))
    browser.go("#/calls")
    browser.click(arguments["call"])
    browser.until("all('.layers li').length === 7", "the story is told")
    both("call")
    if "refused" in arguments:
        browser.go(f"#/witness/trace/{arguments['refused']}")
        both("trace")
    browser.go("#/now")
    browser.size(390, 844)
    browser.until("text('.stream') === 'Live'", "the events are live")
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        browser.picture(f"{directory}/console-now-phone-{scheme}.png")
