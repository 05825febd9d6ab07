"""What messages say: in each language, for awkward names and addresses, in the words of each reader."""

import quopri
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import css_inline
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.notifications import rendering
from services.notifications.asking import Ask
from services.notifications.brand import Brand, Logo
from services.notifications.channels.email import Identity, build, quoted
from services.notifications.correspondence import Assignment, Letter
from services.notifications.inlining import inline
from services.notifications.letters import Outgoing, address_of, compose, figure, is_possible, one_line
from services.notifications.moulds import Filled
from services.notifications.rendering import SHIPPED, Rendered, Renderer, tongue_of
from services.notifications.samples import (
    BEFORE_START,
    LINKS,
    SUMMARIES,
    Sample,
    people,
    preview,
    samples,
)
from shared.events.mentoring import Contribution
from shared.events.notifications import RECIPIENTS

RENDERER = Renderer("Firstmate")
LANGUAGES = ("ar", "de", "en", "es", "fr")
NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
ADA = {"given_name": "Ada", "family_name": "Okafor", "start_date": "2027-01-11", "time_zone": "Europe/Paris"}


class Tags(HTMLParser):
    """The tags of a document, and whether every one that opens is closed."""

    VOID = frozenset({"meta", "br", "hr", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert not tags.open
    return tags


def sample(template: str, role: str | None = None) -> Sample:
    return next(s for s in samples() if s.letter.template == template and role in (None, s.letter.role))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_whole_in_every_language(language):
    for one in samples():
        rendered = preview(RENDERER, one, language).rendered
        assert "\n" not in rendered.subject
        assert len(rendered.subject) < 90
        assert {"http", "https", "mailto"} >= {
            (value or "").partition(":")[0] for name, value in parsed(rendered.html).attributes if name in ("href", "src")
        }
        assert "style" in {name for name, _ in parsed(rendered.html).attributes}
        assert "\n\n\n" not in rendered.text
        assert "{{" not in rendered.text + rendered.html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_plain_text_names_the_same_link_as_the_button(language):
    for one in samples():
        rendered = preview(RENDERER, one, language).rendered
        links = {value for name, value in parsed(rendered.html).attributes if name == "href" and value.startswith("http")}
        assert all(link in rendered.text for link in links)


def test_a_message_that_a_language_lacks_is_written_in_the_next_one_and_the_log_says_so_once(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "templates")
    (tmp_path / "templates" / "fr" / "welcome.txt").unlink()
    renderer = Renderer("Firstmate", tmp_path / "templates")
    with capture_logs() as logs:
        tongues = [renderer.tongue(template, "fr-FR", ["fr", "de"]) for template in ("welcome", "welcome", "mentor_brief")]
    assert [tongue.language for tongue in tongues] == ["de", "de", "fr"]
    assert [(log["event"], log["template"], log["language"], log["written_in"]) for log in logs] == [
        ("template_missing", "welcome", "fr", "de")
    ]


def test_a_name_of_the_other_direction_moves_nothing_around_it():
    one = sample("plans_changed", "manager")
    known = people("en-GB") | {"E-1": people("en-GB")["E-1"] | {"given_name": "ليلى", "family_name": "حداد"}}
    written = compose(one.letter, one.state, known, "m@acme.example", RENDERER, "https://x.example", LINKS, one.now).rendered
    assert "\u2068ليلى حداد\u2069 now starts on Monday, 11 January 2027" in written.text
    assert "\u2068ليلى حداد\u2069 now starts on <b>Monday, 11 January 2027</b>" in written.html
    assert written.subject == "ليلى حداد now starts on Monday, 11 January 2027"


HOSTILE = st.text(max_size=60) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "Ada\r\nBcc: all@acme.example",
        '"><img src=x onerror=alert(1)>',
        "{{ 7*7 }}",
        "Ada\u202egnp.exe",
    ]
)


@pytest.mark.no_cover  # writes thousands of mails by ways that others cover: to be traced takes as long as to write them
@settings(deadline=None)  # a busy machine is no fault
@given(HOSTILE, HOSTILE, st.lists(HOSTILE, max_size=4))
@example("<script>alert(1)</script>", "Ada\nBcc: x@y.example", ["</td></table><script>"])
def test_no_name_title_or_interest_can_break_a_message_or_a_header(name, title, interests):
    hostile = {"given_name": name, "family_name": name, "title": title, "interests": interests, "skills": interests}
    known = {id: person | hostile for id, person in people().items()}
    for one in (sample(template) for template in RECIPIENTS):
        about = {"summary": SUMMARIES.get(one.letter.template)}
        web = "https://firstmate.example"
        outgoing = compose(one.letter, one.state, known, "reader@acme.example", RENDERER, web, LINKS, one.now, about)
        tags = parsed(outgoing.rendered.html)
        assert not tags.seen & {"script", "img", "iframe"}
        assert not [attribute for attribute, _ in tags.attributes if attribute.startswith("on")]
        mail = round_trip(outgoing)
        assert set(mail.keys()) == HEADERS | (UNSUBSCRIBING if outgoing.unsubscribe else set())
        assert mail["To"].addresses[0].addr_spec == "reader@acme.example"


UNSUBSCRIBING = {"List-Unsubscribe", "List-Unsubscribe-Post"}
HEADERS = {
    "Message-ID",
    "Date",
    "From",
    "To",
    "Subject",
    "Auto-Submitted",
    "X-Firstmate-Template",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
}


def round_trip(outgoing: Outgoing, **identity: str) -> EmailMessage:
    """The mail as a receiver parses it."""
    built = build(outgoing, Identity(identity.pop("mail_from", "Firstmate <welcome@firstmate.example>"), **identity), NOW)
    mail = message_from_bytes(built, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    assert max(len(line) for line in built.split(b"\r\n")) <= 998
    assert b"\n" not in built.replace(b"\r\n", b"")
    return mail


def test_every_line_of_a_mail_ends_in_both_characters():
    """A lone one of them ends a message for some servers, and what follows would be another's (SMTP smuggling)."""
    for one in samples():
        message = preview(
            RENDERER, one, "de", {**people("de"), "E-1": {**people("de")["E-1"], "given_name": "A\r.\r\nd\n.\na\x0b\x85"}}
        )
        mail = build(message, Identity("Firstmate <welcome@firstmate.example>"), NOW)
        assert re.search(rb"(?<!\r)\n|\r(?!\n)", mail) is None
        assert mail.endswith(b"\r\n")


def test_a_mail_has_a_text_and_an_html_part_and_says_who_writes_and_that_a_machine_does():
    outgoing = preview(RENDERER, sample("welcome"), "de")
    mail = round_trip(outgoing, reply_to="people@acme.example")
    assert mail.get_content_type() == "multipart/alternative"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == outgoing.rendered.text
    assert mail.get_body(("html",)).get_content().replace("\r\n", "\n").strip() == outgoing.rendered.html.strip()
    assert mail["Message-ID"] == f"<{outgoing.message_id}@firstmate.example>"
    assert (mail["Reply-To"], mail["Auto-Submitted"], mail["Content-Language"]) == ("people@acme.example", "auto-generated", "de")


@given(
    words=st.lists(st.text(st.sampled_from("aß ,=.\n\r\u2028Ω"), max_size=90), max_size=4),
    rest=st.lists(st.text(st.sampled_from("aß =.-<>\n"), max_size=160), min_size=5, max_size=5),
)
@example(words=["x" * 90, ""], rest=["to ", "", " ", "\n.\n", "a"])
def test_a_text_with_words_filled_in_arrives_as_it_is(words, rest):
    pieces = ["Hello", *(piece for pair in zip(words, rest, strict=False) for piece in pair)]
    text = Filled("".join(pieces))
    text.pieces = pieces
    written = quoted(text)
    on_one_line = "".join(" ".join(piece.splitlines()) if number % 2 else piece for number, piece in enumerate(pieces))
    assert quopri.decodestring(written) == quopri.decodestring(quoted(on_one_line))
    assert written.endswith(b"\r\n")
    lines = written.split(b"\r\n")
    assert max(map(len, lines)) <= 76  # RFC 2045, section 6.7
    assert not any(re.search(rb"[ \r\n]$|\r|\n", line) for line in lines)


def test_a_logo_goes_along_beside_the_html_and_the_text_stays_as_it_was():
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
    branded = Renderer(Brand("Acme", logo=Logo(picture, "png", "Acme, to the <stars>"), imprint=("1 Main Street", "HRB <1>")))
    outgoing = preview(branded, sample("welcome"), "ar")
    mail = round_trip(outgoing)
    related = list(mail.iter_parts())[1]
    html, logo = related.iter_parts()
    assert (mail.get_content_type(), related.get_content_type(), html.get_content_type()) == (
        "multipart/alternative",
        "multipart/related",
        "text/html",
    )
    assert (logo.get_content_type(), logo.get_content(), logo["Content-ID"]) == ("image/png", picture, "<logo@firstmate>")
    assert {("src", "cid:logo@firstmate"), ("alt", "Acme, to the <stars>")} <= set(parsed(html.get_content()).attributes)
    assert "1 Main Street<br>HRB &lt;1&gt;" in html.get_content()
    assert "-- \nAcme\n1 Main Street\nHRB <1>\n" in mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def greeting(name: str, address: str) -> Outgoing:
    return Outgoing("1" * 32, "welcome", name, address, Rendered("Hi", "<p>Hi</p>", "Hi", "en"), None)


def test_a_recipient_with_a_comma_a_quote_and_accents_in_the_name_is_one_recipient():
    outgoing = Outgoing(
        "1" * 32, "welcome", 'Müller, "Jo" Ørsted', "jo@acme.example", Rendered("Hi", "<p>Hi</p>", "Hi", "en"), None
    )
    (address,) = round_trip(outgoing)["To"].addresses
    assert (address.display_name, address.addr_spec) == ('Müller, "Jo" Ørsted', "jo@acme.example")


def test_a_domain_beyond_ascii_is_written_as_mail_servers_know_it():
    outgoing = greeting("Jo", "jo@bücher.example")
    assert round_trip(outgoing)["To"].addresses[0].domain == "xn--bcher-kva.example"


def test_a_sender_that_is_no_mailbox_is_refused_with_the_setting_to_mend():
    with pytest.raises(ValueError, match="FIRSTMATE_MAIL_FROM"):
        Identity("Firstmate")


@pytest.mark.parametrize(
    ("locale", "languages", "language", "day"),
    [
        ("de-DE", [], "de", "Montag, 11. Januar 2027"),
        ("de-AT", [], "de", "Montag, 11. Jänner 2027"),
        ("en-US", [], "en", "Monday, January 11, 2027"),
        ("en-GB", [], "en", "Monday, 11 January 2027"),
        ("fr-FR", ["fr", "de"], "fr", "lundi 11 janvier 2027"),
        ("nl-NL", ["nl", "de"], "de", "Montag, 11. Januar 2027"),
        ("nl-NL", ["nl"], "en", "Monday, 11 January 2027"),
        ("xx-nonsense", ["tlh"], "en", "Monday, 11 January 2027"),
        (None, [], "en", "Monday, 11 January 2027"),
        (None, ["de"], "de", "Montag, 11. Januar 2027"),
    ],
)
def test_a_reader_is_written_to_in_a_language_they_speak_with_its_dates(locale, languages, language, day):
    tongue = tongue_of(locale, languages, LANGUAGES)
    assert (tongue.language, tongue.day(date(2027, 1, 11))) == (language, day)


def test_the_personal_address_is_used_until_the_first_day_begins_where_the_person_is():
    person = ADA | {"personal_email": "home@x.example", "work_email": "work@x.example", "time_zone": "Pacific/Auckland"}
    assert address_of(person, datetime(2027, 1, 10, 10, 59, tzinfo=UTC)) == "home@x.example"
    assert address_of(person, datetime(2027, 1, 10, 11, 0, tzinfo=UTC)) == "work@x.example"


@pytest.mark.parametrize("day", [date(2026, 12, 1), date(2027, 6, 1)])
def test_where_one_address_is_missing_the_other_is_used(day):
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    assert address_of(ADA | {"work_email": "work@x.example"}, now) == "work@x.example"
    assert address_of(ADA | {"personal_email": "home@x.example"}, now) == "home@x.example"
    assert address_of(ADA, now) is None


@pytest.mark.parametrize(
    "address",
    ["ada@acme.example", "ada.okafor+new@sub.acme.example", "o'neil@acme.example", "jörg@bücher.example", "ada@localhost"],
)
def test_addresses_that_can_be(address):
    assert is_possible(address)


@pytest.mark.parametrize(
    "address",
    [
        "ada",
        "@acme.example",
        "ada@",
        "ada..o@acme.example",
        ".ada@acme.example",
        "ada@acme..example",
        "ada@-acme.example",
        "ada@acme.example\nBcc: x@y.example",
        "ada okafor@acme.example",
        "ada@acme.example, bob@acme.example",
        "a" * 65 + "@acme.example",
        "ada@" + "a" * 64 + ".example",
    ],
)
def test_addresses_that_can_not_be(address):
    assert not is_possible(address)


def test_the_private_address_of_a_hire_is_shown_to_nobody():
    shown = figure(ADA | {"personal_email": "home@x.example", "work_email": "work@x.example"}, "E-1", NOW)
    assert shown.address == ""
    later = figure(ADA | {"work_email": "work@x.example"}, "E-1", datetime(2027, 2, 1, tzinfo=UTC))
    assert later.address == "work@x.example"


def with_reasons(*criteria: str) -> str:
    one = sample("mentor_introduction")
    contributions = tuple(
        Contribution(criterion=code, weight=10, value=9000, points=1000 - rank) for rank, code in enumerate(criteria)
    )
    state = one.state.model_copy(
        update={"assignment": Assignment(event_id="matching/E-1/1", mentor_id="M-1", contributions=contributions)}
    )
    return preview(RENDERER, Sample(one.letter, state, one.now), "en").rendered.text


def test_reasons_are_told_in_words_weightiest_first_and_name_what_is_shared():
    text = with_reasons("interests", "skills")
    assert text.index("You share an interest in climbing.") < text.index("You both know Kafka and Python.")


def test_a_criterion_without_words_is_passed_over():
    assert "Why the two of you" not in with_reasons("shoe_size")


def test_a_criterion_that_added_nothing_is_no_reason():
    one = sample("mentor_introduction")
    nothing = (Contribution(criterion="skills", weight=10, value=0, points=0),)
    assignment = Assignment(event_id="matching/E-1/1", mentor_id="M-1", contributions=nothing)
    state = one.state.model_copy(update={"assignment": assignment})
    assert "You both know" not in preview(RENDERER, Sample(one.letter, state, one.now), "en").rendered.text


def test_an_endless_list_of_interests_is_cut_to_what_begins_a_conversation():
    one = sample("mentor_brief")
    known = people() | {"E-1": people()["E-1"] | {"interests": [f"thing {number}" for number in range(5000)]}}
    text = compose(one.letter, one.state, known, "m@acme.example", RENDERER, "https://x.example", LINKS, one.now).rendered.text
    assert "thing 2" in text
    assert "thing 3" not in text


def brief_with_meetings(days, tag="en-GB"):
    one = sample("mentor_brief")
    asks = {f"meeting_{number}": Ask(due=day, meeting=number) for number, day in enumerate(days, start=1)}
    state = one.state.model_copy(update={"asks": asks})
    return preview(RENDERER, Sample(one.letter, state, one.now), tag).rendered.text


@pytest.mark.parametrize(
    ("tag", "days"),
    [
        ("en-GB", "4 January, 18 January and 1 February"),
        ("de-DE", "4. Januar, 18. Januar und 1. Februar"),
        ("fr-FR", "4 janvier, 18 janvier et 1 février"),
        ("es-ES", "4 de enero, 18 de enero y 1 de febrero"),
    ],
)
def test_the_brief_names_the_meetings_that_the_hires_own_programme_plans(tag, days):
    assert f": {days}." in brief_with_meetings([date(2027, 1, 4), date(2027, 1, 18), date(2027, 2, 1)], tag)


def test_of_many_meetings_the_brief_names_some_and_when_they_end():
    weekly = [date(2027, 1, 4) + timedelta(weeks=number) for number in range(26)]
    assert "and 22 February; then 18 more until 28 June. An invitation comes" in brief_with_meetings(weekly)
    assert "15 March. An invitation" not in brief_with_meetings(weekly)
    assert "8 March. An invitation" in brief_with_meetings(weekly[:10])


def test_the_brief_promises_no_rhythm_that_nobody_planned():
    assert "planned around" not in brief_with_meetings([])
    assert "planned around" not in brief_with_meetings([date(2027, 1, 4)])


def test_a_moved_start_names_the_day_that_the_reader_knew():
    text = preview(RENDERER, sample("plans_changed", "manager"), "en-GB").rendered.text
    assert "now starts on Monday, 11 January 2027 instead of Monday, 4 January 2027" in text


def test_the_hire_is_told_who_steps_back():
    assert "Noémie Laurent-Brückner can’t accompany you" in preview(RENDERER, sample("mentor_unavailable"), "en").rendered.text


def test_every_kind_of_letter_has_a_sample():
    assert {one.letter.template for one in samples()} == set(RECIPIENTS)
    assert all(isinstance(one.letter, Letter) for one in samples())
    assert next(one.now for one in samples() if one.now != BEFORE_START) > BEFORE_START


@settings(deadline=None)  # a busy machine is no fault
@given(st.text())
def test_one_line_is_one_line(text):
    assert not {"\n", "\r", "\0", "\u202e", "\u2028"} & set(one_line(text))


@pytest.mark.parametrize(("locale", "words"), [("en", "Also still open:"), ("de", "Ebenfalls noch offen:")])
def test_one_reminder_names_everything_that_became_late_at_one_time(locale: str, words: str):
    several = [each for each in samples() if each.letter.template == "milestone_late" and len(each.state.late) > 1]
    for sample in several:
        text = preview(RENDERER, sample, locale).rendered.text
        assert words in text
        assert text.count("2027") >= 2
    assert several


@pytest.mark.parametrize(
    ("locale", "late", "reminded", "escalated"),
    [
        ("en", "Coming up as well:", "planned for Monday", "It is with Noémie Laurent-Brückner."),
        ("de", "Als Nächstes steht an:", "geplant für Montag", "Darum kümmert sich Noémie Laurent-Brückner."),
    ],
)
def test_reminders_name_every_step_and_escalations_whose_it_is(locale: str, late: str, reminded: str, escalated: str):
    def texts(template: str) -> list[str]:
        return [preview(RENDERER, each, locale).rendered.text for each in samples() if each.letter.template == template]

    assert any(late in text for text in texts("milestone_late"))
    assert all(text.count(reminded) == 2 for text in texts("milestone_reminder"))
    assert all(escalated in text for text in texts("milestone_escalated"))


class Content(HTMLParser):
    """Tags with their attributes and the words between them, in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, sorted(attrs)))

    def handle_endtag(self, tag):
        self.found.append(f"/{tag}")

    def handle_data(self, data):
        self.found.append(data)


ONE_BY_ONE = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


NAMES = (("Ada", "Okafor"), ("Zoë", "O'Brien <b>&amp;"), ("علي", "حسن"), ("noémie", ""), ("Bo", "Bo"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_filled_into_a_mould_is_the_one_rendered_for_its_reader_alone(language):
    """Each template shows people's words as they are: one that looked into them would say here what it says to another."""
    moulded, alone = Renderer("Firstmate"), Renderer("Firstmate")
    alone._is_moulded = False
    for one in samples():
        for number, (given_name, family_name) in enumerate(NAMES):
            other = NAMES[number - 1][0]
            names = {"E-1": (given_name, family_name), "M-1": (other, family_name), "B-1": (other, "")}
            known = {
                id: {**person, "given_name": names[id][0], "family_name": names[id][1], "department": names[id][1]}
                for id, person in people(language).items()
            }
            assert preview(moulded, one, language, known) == preview(alone, one, language, known), one.letter.template
    assert moulded._moulds or language == "fr"


def test_a_company_whose_own_templates_look_into_names_is_understood():
    own = {"en/welcome.subject": "{{ hire.first | upper }}, {{ 'short' if hire.first | length < 4 else 'long' }}"}
    renderer = Renderer("Firstmate", own=own)
    subjects = []
    for name in ("Ada", "Wilhelmine"):
        known = people("en")
        known["E-1"] = {**known["E-1"], "given_name": name}
        subjects.append(preview(renderer, sample("welcome"), "en", known).rendered.subject)
    assert subjects == ["ADA, short", "WILHELMINE, long"]


def test_a_name_that_looks_like_a_gap_is_a_name():
    known = people("en")
    known["E-1"] = {**known["E-1"], "given_name": "A\U000f0001\U000f0003da"}
    assert "A\U000f0001\U000f0003da" in preview(RENDERER, sample("welcome"), "en", known).rendered.html


@pytest.mark.parametrize("language", LANGUAGES)
def test_styles_inlined_by_skeleton_are_those_inlined_by_message(language, monkeypatch):
    documents: list[str] = []
    monkeypatch.setattr(rendering, "inline", lambda html: documents.append(html) or html)
    for one in samples():
        preview(RENDERER, one, language)
    assert documents
    for html in documents:
        assert Content(inline(html)).found == Content(ONE_BY_ONE.inline(html)).found


@pytest.mark.parametrize(
    "body",
    [
        "<p>Words \ue000 with the mark of a gap</p>",
        "words outside of every tag <p>and <b>inside</b></p> after it",
        '<p><a href="">an empty link</a><br>and an open tag',
        "<table><tr><td>One</td></tr><p>Moved out of the table by every parser</p><tr><td>Two</td></tr></table>",
        "<p>Fish &amp; chips &lt;3 &#34;so&#34;</p>",
    ],
)
def test_odd_documents_are_inlined_like_any_other(body):
    style = "p { color: red; } p > b { margin: 0 }"
    html = f"<!doctype html><html><head><title>T</title><style>{style}</style></head><body>{body}</body></html>"
    assert Content(inline(html)).found == Content(ONE_BY_ONE.inline(html)).found


@pytest.mark.parametrize(
    ("template", "kind"), [("survey_invitation", "surveys"), ("milestone_reminder", "reminders"), ("manager_digest", "digest")]
)
def test_what_may_be_turned_off_says_how_by_one_click(template, kind):
    outgoing = preview(RENDERER, sample(template), "en")
    mail = message_from_bytes(build(outgoing, Identity("a@acme.example"), NOW), policy=policy.default)
    assert re.fullmatch(rf"<https://firstmate\.example/preferences/[^/]+/without/{kind}>", mail["List-Unsubscribe"])
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_what_everybody_has_to_know_offers_no_turning_off_and_http_no_one_click():
    welcome = build(preview(RENDERER, sample("welcome"), "en"), Identity("a@acme.example"), NOW)
    assert b"List-Unsubscribe" not in welcome
    local = preview(RENDERER, sample("survey_invitation"), "en", web_url="http://127.0.0.1:8080")
    mail = message_from_bytes(build(local, Identity("a@acme.example"), NOW), policy=policy.default)
    assert mail["List-Unsubscribe"] is not None
    assert mail["List-Unsubscribe-Post"] is None
