"""Response models of the catalogue of public datasets."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.messages import Message


class PublishedFile(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    role: str = Field(description="the name of this file's part in an upload", examples=["images"])
    name: str = Field(examples=["train-images-idx3-ubyte.gz"], description="name of the file at its source")
    url: str = Field(description="address to download it from")
    bytes: int | None = Field(description="size of the download; null if it is not known")
    sha256: str | None = Field(description="null if none is published; the download is then marked as unverified")


class PublishedAnswer(BaseModel):
    """A public dataset. POST /datasets/catalogue/{name} imports it."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["mnist"], description="the name for POST /datasets/catalogue/{name}")
    description: str = Field(description="what the dataset contains")
    source: str = Field(description="address of its description")
    licence: str | None = Field(description="null if none is stated", examples=["MIT"])
    files: list[PublishedFile] = Field(description="the files that the import downloads")
    by_hand: Annotated[str, BeforeValidator(Message.text)] = Field(
        description="how to import it if the service has no internet access"
    )


class PublishedList(BaseModel):
    items: list[PublishedAnswer] = Field(description="the datasets of the catalogue")
