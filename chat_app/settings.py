"""Settings: where data lies and what is loaded, from ``VALUEFLOW_...`` environment variables."""

from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chat_app.errors import ValueflowError

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries models/, migrations/ and static/ inside the package, a checkout beside it.
BUILTIN = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent


def data_path(*parts: str) -> Path:
    """A file or folder that comes with the program: ``data_path("models", "vidb-seed.csv")``."""
    return BUILTIN.joinpath(*parts)


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
        name = field if field in given else f"VALUEFLOW_{field.upper()}"
        wrong = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        raise ValueflowError(f"{name} is {first['input']!r}: it must be {wrong}.") from None
