"""Settings come from the environment, and bad ones stop the start by name."""

from __future__ import annotations

import os

import pydantic
import pytest

from gateway import settings
from gateway.cli.failures import explain
from gateway.cli.inspection import shown


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.startswith("STOCKGATE_"):
            monkeypatch.delenv(variable)


def test_without_any_setting_there_is_a_database_file_in_the_working_directory() -> None:
    assert settings.load().database_url.get_secret_value() == "sqlite:///stockgate.db"


def test_a_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKGATE_PORT", "9000")
    monkeypatch.setenv("STOCKGATE_CORS_ORIGINS", '["https://shop.example"]')
    loaded = settings.load()
    assert (loaded.port, loaded.cors_origins) == (9000, ["https://shop.example"])


def test_an_unknown_setting_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKGATE_PROT", "9000")
    with pytest.raises(settings.UnknownSettingError, match="Unknown setting STOCKGATE_PROT"):
        settings.load()


def test_settings_of_the_tests_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKGATE_TEST_POSTGRES_URL", "postgresql://x")
    assert settings.load()


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(pydantic.ValidationError):
        settings.load().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("STOCKGATE_PORT", "http", "STOCKGATE_PORT: Input should be a valid integer"),
        ("STOCKGATE_LOG_LEVEL", "loud", "STOCKGATE_LOG_LEVEL: Input should be 'debug'"),
        ("STOCKGATE_CORS_ORIGINS", "shop.example", "STOCKGATE_CORS_ORIGINS: not valid JSON"),
        ("STOCKGATE_TIMEZONE", "Mars/Olympus", "STOCKGATE_TIMEZONE: 'Mars/Olympus' is no IANA time zone"),
        ("STOCKGATE_TIMEZONE", "../secret", "STOCKGATE_TIMEZONE: '../secret' is no IANA time zone"),
        ("STOCKGATE_CURRENCY", "eur", "STOCKGATE_CURRENCY: 'eur' is no ISO 4217 currency"),
        ("STOCKGATE_KEY_CACHE_SECONDS", "60", "STOCKGATE_KEY_CACHE_SECONDS: Input should be less than or equal to 5"),
    ],
)
def test_a_bad_value_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Exception) as refused:  # noqa: PT011 (pydantic has two kinds; explain() is what is tested)
        settings.load()
    [told] = explain(refused.value) or []
    assert told.startswith(line)


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in settings.Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://shop:s3cret@db/stock", "postgresql://shop:***@db/stock"),
        ("postgresql://db/stock?password=s3cret", "postgresql://db/stock"),
        ("not a url s3cret", "***"),
        ("sqlite:///stockgate.db", "sqlite:///stockgate.db"),
    ],
)
def test_passwords_are_masked_wherever_they_stand(url: str, masked: str) -> None:
    assert shown(pydantic.SecretStr(url)) == masked
