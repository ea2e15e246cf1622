"""Settings say in one line what is wrong and what is possible."""

from __future__ import annotations

import pydantic
import pytest

from corticalnet.errors import SettingError
from corticalnet.training import Settings
from tests.documentation import settings as settings_page

WRONG = [
    ({"epochs": True}, "setting 'epochs' must be a whole number from 1, not True"),
    ({"validation": False}, "setting 'validation' must be a fraction below 1, or a number of images, not"),
    ({"epochs": 0}, "setting 'epochs' must be a whole number from 1, not 0"),
    ({"epochs": 2.5}, "setting 'epochs' must be a whole number from 1, not 2.5"),
    ({"lr": "fast"}, "setting 'lr' must be a number above 0, not 'fast'"),
    ({"lr": float("nan")}, "setting 'lr' must be a number above 0, not nan"),
    ({"momentum": 1}, "setting 'momentum' must be a number from 0 to below 1, not 1"),
    ({"optimizer": "lion"}, "setting 'optimizer' must be 'sgd', 'adam', 'adamw' or 'rmsprop', not 'lion'"),
    ({"precision": "int8"}, "must be 'float32', 'float64', 'tf32' or 'bfloat16', not 'int8'"),
    ({"halve_every": 0}, "a whole number from 1, or None (constant), not 0"),
    ({"patience": -1}, "a whole number from 1, or None (never stop early), not -1"),
    ({"validation": -0.1}, "a fraction below 1, or a number of images, not -0.1"),
    ({"drop_last": "maybe"}, "setting 'drop_last' must be true or false, not 'maybe'"),
    ({"epoch": 3}, "unknown setting 'epoch'; did you mean 'epochs'? Choices: epochs, batch"),
    ({"optimizer": "adam", "momentum": 0.9}, "momentum is a setting of sgd and rmsprop; adam has its own"),
    (
        {"schedule": "StepLr(step_size=3)"},
        "unknown schedule 'StepLr'; did you mean 'StepLR'? Choices: Constant",
    ),
    ({"schedule": "StepLR"}, "schedule StepLR: missing 1 required positional argument: 'step_size'"),
    ({"schedule": "StepLR(size=3)"}, "schedule StepLR: unknown argument 'size'; did you mean 'step_size'?"),
    ({"schedule": "StepLR(3)"}, "setting 'schedule' must be a name, or a name with arguments by name"),
    (
        {"schedule": "StepLR(step_size=open('x'))"},
        "setting 'schedule' must be a name, or a name with arguments",
    ),
    ({"schedule": "LinearLR(start_factor=3)"}, "schedule LinearLR(start_factor=3): Starting multiplicative"),
    ({"schedule": 3}, "setting 'schedule' must be a schedule of torch's, or None (halve_every), not 3"),
]


@pytest.mark.parametrize(("values", "message"), WRONG, ids=lambda value: str(value)[:20])
def test_a_wrong_value_is_told_in_one_line(values, message):
    with pytest.raises(SettingError) as error:
        Settings(**values)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_settings_are_frozen_and_change_makes_checked_new_ones():
    settings = Settings(lr=0.2)
    with pytest.raises(pydantic.ValidationError):
        settings.lr = 0.3
    assert settings.change(epochs="7").epochs == 7
    assert settings.change(epochs=7).lr == 0.2
    with pytest.raises(SettingError, match="epochs"):
        settings.change(epochs=-1)


def test_every_setting_with_a_range_says_what_is_possible():
    for name, field in Settings.model_fields.items():
        literal = "Literal" in str(field.annotation)
        assert literal or field.description, name


def test_settings_come_back_from_json():
    settings = Settings(patience=None, validation=50, data_folder="somewhere")
    assert Settings(**settings.model_dump(mode="json")) == settings


def test_the_page_on_training_lists_every_setting_with_its_default():
    (shown,) = settings_page.PLACE.findall(settings_page.PAGE.read_text())
    assert shown == settings_page.table(), "write it anew: python -m tests.documentation.settings"
    assert "| `halve_every` | `100` |" in shown
    assert all(f"| `{name}` |" in shown for name in Settings.names())
