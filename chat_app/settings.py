"""Settings: where data lies and what is loaded.

What is given on the command line wins over ``VALUEFLOW_...`` environment variables, and these over
what the Settings page has saved in the data folder (``settings.json``); the rest are the defaults.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from chat_app.errors import ValueflowError
from chat_app.files import written_whole

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries models/, migrations/ and static/ inside the package, a checkout beside it.
BUILTIN = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent


def data_path(*parts: str) -> Path:
    """A file or folder that comes with the program: ``data_path("models", "vidb-seed.csv")``."""
    return BUILTIN.joinpath(*parts)


# What would be computed for the built-in models at first and kept in the cache folder then, by the
# names that it has there: ``python -m training.keep_builtin`` makes it.
SHIPPED = data_path("models", "kept")

# What the Settings page may change; where data lies is the command line's.
EDITABLE = (
    "n_ctx",
    "n_threads",
    "n_gpu_layers",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repeat_penalty",
    "max_tokens",
    "seed",
    "think",
    "scoring",
    "ranker",
)
# What is loaded, chosen on the pages or by a command of its own and kept in the same file.
SOURCES = ("model", "hives", "vidb")


def settings_file(home: Path) -> Path:
    """Where the Settings page keeps what it changed."""
    return home / "settings.json"


def saved_settings(home: Path) -> dict[str, Any]:
    """What the Settings page has saved, {} where nothing. Raises ValueflowError."""
    path = settings_file(home)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ValueflowError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueflowError(f"{path} is not what the Settings page writes: delete that file.")
    return {name: value for name, value in found.items() if name in EDITABLE + SOURCES}


def save_settings(home: Path, values: dict[str, Any]) -> None:
    """Keep ``values`` of EDITABLE fields and SOURCES, in place of those that were kept. A default
    is not kept, so that a better one of a later version holds.

    Raises ValueflowError where the file cannot be written.
    """
    path = settings_file(home)
    fields = Settings.model_fields
    values = {name: value for name, value in values.items() if value != fields[name].default}
    try:
        with written_whole(path) as fresh:
            fresh.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueflowError(f"{path} cannot be written: {error.strerror or error}.") from error


class _Saved(PydanticBaseSettingsSource):
    """The file of the data folder that the sources before this one, or the default, name."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        home = self.current_state.get("home")
        folder = Path(home).expanduser() if home else user_data_path("valueflow")
        return saved_settings(folder)


class Settings(BaseSettings):
    """What a person can set. Each field is the environment variable ``VALUEFLOW_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="VALUEFLOW_", env_ignore_empty=True)

    home: Path = Field(default_factory=lambda: user_data_path("valueflow"))
    database_url: str | None = None
    model: str = "builtin"
    hives: str = "auto"  # see ``encoder``
    hives_device: str = "auto"
    vidb: str = "builtin"
    judge_url: str | None = None
    judge_model: str | None = None
    judge_rotations: int = Field(2, ge=1)
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=1, le=65535)
    api_keys: SecretStr | None = None  # with commas between; None: programs of this computer only
    n_ctx: int = Field(4096, ge=64)
    n_threads: int | None = Field(None, ge=1)
    n_gpu_layers: int = Field(-1, ge=-1)  # -1: as many as fit
    n_slots: int = Field(17, ge=1, le=64)  # conversations that share the context
    queue: int = Field(32, ge=0)  # replies that may wait for one of them
    flash_attention: Literal["auto", "on", "off"] = "auto"
    kv_type: Literal["f16", "q8_0", "q4_0"] = "f16"
    max_tokens: int = Field(256, ge=1)
    temperature: float = Field(0.7, ge=0, le=100)
    top_k: int = Field(40, ge=0)
    top_p: float = Field(0.95, ge=0, le=1)
    min_p: float = Field(0.05, ge=0, le=1)
    repeat_penalty: float = Field(1.0, ge=0.01, le=100)
    seed: int | None = Field(None, ge=0, lt=2**31)  # None: another one for each reply
    think: bool = False  # whether a model that can think aloud is let to, before each reply
    scoring: bool = True  # whether replies are measured by themselves
    ranker: Literal["hives", "llm", "remote"] = "hives"  # what measures them

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Saved(settings_cls)

    @field_validator("home")
    @classmethod
    def _whole_path(cls, home: Path) -> Path:
        # A relative path would mean another folder after a change of the working directory.
        return home.expanduser().absolute()

    def database(self) -> str:
        """The database as an SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.home / 'valueflow.db'}"

    def encoder(self, *, of_replies: bool = True) -> str:
        """The value encoder that was chosen; else, of the two that come with the program,
        "builtin" for replies of the built-in chat model, whose sentences it was taught, and
        "general" for everything else: other models' replies, a person's own texts.
        """
        if self.hives != "auto":
            return self.hives
        return "builtin" if of_replies and self.model == "builtin" else "general"

    @property
    def vectors_dir(self) -> Path:
        return self.home / "vectors"

    @property
    def cache_dir(self) -> Path:
        return self.home / "cache"


def settings(**given: Any) -> Settings:
    """The settings as they are now; ``given`` ones win over the environment.

    Raises ValueflowError that names the variable and what is wrong with it.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise ValueflowError(f"There is no setting {field!r}.") from None
        name = field if field in given else _name(field, given.get("home"))
        wrong = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        raise ValueflowError(f"{name} is {first['input']!r}: it must be {wrong}.") from None


def variable(field: str) -> str | None:
    """The environment variable that sets ``field`` now, if one does."""
    name = f"VALUEFLOW_{field.upper()}"
    return name if os.environ.get(name) else None


def _name(field: str, home: Path | None) -> str:
    """What a person knows a field by that was not given on the command line."""
    if variable(field):
        return f"VALUEFLOW_{field.upper()}"
    folder = home or os.environ.get("VALUEFLOW_HOME") or user_data_path("valueflow")
    return f"{field} in {settings_file(Path(folder))}"
