"""Chat services as a company names them, and what a message looks like there."""

from pathlib import Path

import pytest

from services.notifications.channels.chat import LONGEST, fault_in, short
from services.notifications.chat_services import ChatService, chat_services

FOOT = "\n-- \nFirstmate\nhttps://firstmate.example/preferences"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "chat.yaml"
    file.write_text(text)
    return file


def test_secrets_come_from_the_environment_and_handles_are_quoted(tmp_path: Path):
    file = written(tmp_path, "slack:\n  url: slack://${TOKEN}/@{handle}\n  handle: your user name\n  pattern: '.+'\n")
    found = chat_services(file, {"TOKEN": "A/B/C"})["slack"]
    assert (found.title, found.target("ada")) == ("Slack", "slack://A/B/C/@ada")
    assert found.target("a/b?c=d@e") == "slack://A/B/C/@a%2Fb%3Fc%3Dd%40e"
    assert "A/B/C" not in repr(found)


@pytest.mark.parametrize("handle", ["", "a b", "a,b", "a/b", "a?b", "a\u202eb", "a\nb", "a" * 81, "#a", "@a"])
def test_what_can_be_no_handle_is_not_taken(handle: str):
    assert not ChatService(url="ntfy://host/{handle}").takes(handle)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slack: [", "is no YAML"),
        ("- slack", "dictionary"),
        ("slack: {}", "url"),
        ("slack: {url: 'slack://A/B/C'}", "{handle} once"),
        ("slack: {url: 'slack://{handle}/{handle}'}", "{handle} once"),
        ("slack: {url: '{handle}://A/B/C'}", "{handle} once"),
        ("slack: {url: 'slack://${NOT_SET}/{handle}'}", "${NOT_SET}"),
        ("slack: {url: 'slack://A/{handle}', pattern: '('}", "no regular expression"),
        ("slack: {url: 'slack://A/{handle}', colour: red}", "colour"),
        ("email: {url: 'ntfy://host/{handle}'}", "'email' can't be"),
        ("Slack!: {url: 'ntfy://host/{handle}'}", "'Slack!' can't be"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, text: str, words: str):
    file = written(tmp_path, text)
    with pytest.raises(ValueError, match=r"chat\.yaml") as refused:
        chat_services(file, {})
    assert words in str(refused.value)


def test_without_a_file_there_is_mail_alone_and_a_missing_one_is_named(tmp_path: Path):
    assert chat_services(None, {}) == {}
    with pytest.raises(ValueError, match=r"nowhere\.yaml can't be read"):
        chat_services(tmp_path / "nowhere.yaml", {})


@pytest.mark.parametrize(
    "url",
    [
        "ntfys://ntfy.acme.example/{handle}",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/@{handle}",
        "mmosts://chat.acme.example/3ccdd113474722377935511fc85d3dd4?to={handle}",
        "signals://gateway.acme.example/4915112345678/{handle}",
    ],
)
def test_apprise_takes_what_the_guide_shows(url: str):
    assert fault_in(ChatService(url=url)) is None


@pytest.mark.parametrize("url", ["slak://A/B/C/{handle}", "slack://A/{handle}"])
def test_what_apprise_does_not_take_is_a_fault(url: str):
    assert fault_in(ChatService(url=url)) is not None


def test_a_short_message_keeps_its_words_and_the_last_line_of_its_foot():
    assert short(f"Hello Ada\n\nRead this.{FOOT}", "https://w") == (
        "Hello Ada\n\nRead this.\n\nhttps://firstmate.example/preferences"
    )


def test_a_long_message_ends_at_a_line_and_says_where_all_of_it_is():
    lines = "\n".join(f"line {number} of many" for number in range(200))
    told = short(lines + FOOT, "https://firstmate.example/inbox/1")
    assert len(told) < LONGEST + 120
    assert "many\n…\nhttps://firstmate.example/inbox/1\n\n" in told


@pytest.mark.parametrize("call", ["@channel", "@here", "@all", "@everyone", "<!channel>", "<@U1234>"])
def test_a_name_calls_nobody(call: str):
    assert call not in short(f"{call} joins{FOOT}", "")
