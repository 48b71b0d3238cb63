"""Catalogue of public datasets: the addresses of their files, the known sizes and checksums, and how to read them.

Every checksum has a source. Sizes and SHA-256 of the picture files are those of TensorFlow Datasets
(tensorflow_datasets/url_checksums/{not_mnist,mnist,fashion_mnist,kmnist}.txt); torchvision
(torchvision/prototype/datasets/_builtin/mnist.py) has equal ones for the three sets in MNIST's format. An MD5 is given
where the file's publisher states one. A file without a checksum is accepted, and shown as unverified.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.datasets.catalogue.california import TARGET, read_california
from app.datasets.formats.content import read
from app.datasets.import_options import Imported, ImportOptions, Scratch, Tell
from app.messages import Message

Role = Literal["file", "images", "labels", "test_images", "test_labels"]
Reader = Callable[[Mapping[str, Path], ImportOptions, Scratch, Tell], Imported]


@dataclass(frozen=True)
class Remote:
    """A file to download. The mirrors hold the same bytes and are tried in order.

    `role` is the upload part that the file would be if a user sent it.
    """

    role: Role
    name: str
    url: str
    mirrors: tuple[str, ...] = ()
    bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Published:
    """A public dataset. `read` makes the examples from the files, by role, and the import options `reading`."""

    name: str
    description: str
    source: str
    licence: str | None  # None if none is stated
    files: tuple[Remote, ...]
    reading: ImportOptions = field(default_factory=ImportOptions)
    read: Reader = read

    @property
    def by_hand(self) -> Message:
        """Advice for when no address can be reached: where to find the files and how to send them."""
        files = [file.name for file in self.files]
        parts = [f"{file.role}=@{file.name}" for file in self.files]
        return Message.of("fetch_by_hand", name=self.name, source=self.source, files=files, parts=parts)


def _notmnist(name: str, bytes: int, sha256: str) -> tuple[Remote, ...]:
    """A notMNIST archive, at the lecture's address and that of TensorFlow's Udacity course, whose files are as long."""
    mirror = f"https://commondatastorage.googleapis.com/books1000/{name}"
    return (Remote("file", name, f"http://yaroslavvb.com/upload/notMNIST/{name}", (mirror,), bytes, sha256),)


FOUR: dict[Role, str] = {
    "images": "train-images-idx3-ubyte.gz",
    "labels": "train-labels-idx1-ubyte.gz",
    "test_images": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}


def _four(
    folders: tuple[str, ...], sums: tuple[tuple[int, str], ...], md5: tuple[str | None, ...] = (None,) * 4
) -> tuple[Remote, ...]:
    """The four files of a set in MNIST's format, in each of the folders; `sums` and `md5` are in the order of FOUR."""
    return tuple(
        Remote(role, name, folders[0] + name, tuple(folder + name for folder in folders[1:]), *known, md5_of_it)
        for (role, name), known, md5_of_it in zip(FOUR.items(), sums, md5, strict=True)
    )


CATALOGUE: dict[str, Published] = {
    published.name: published
    for published in (
        Published(
            name="notmnist-small",
            # The two empty files are A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png and
            # F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png; google-deepmind/dm_nevis' not_mnist.py skips them by name
            description="18,724 letters A–J in many fonts, 28×28 gray, cleaned by hand: the lecture's archive; two "
            "of its 18,726 files cannot be read",
            source="http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html",
            licence=None,
            files=_notmnist(
                "notMNIST_small.tar.gz", 8_458_043, "76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec"
            ),
        ),
        Published(
            name="notmnist-large",
            description="529,114 letters A–J in many fonts, 28×28 gray, not cleaned",
            source="http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html",
            licence=None,
            files=_notmnist(
                "notMNIST_large.tar.gz", 247_336_696, "1e8261b75484b520dc76027f5c22af50fe608e3bb16277caec086eb928f9b61c"
            ),
        ),
        Published(
            name="mnist",
            description="70,000 handwritten digits, 28×28 gray, 10,000 of them for testing",
            source="http://yann.lecun.com/exdb/mnist/",
            licence="CC BY-SA 3.0",  # according to Keras; the page states none
            files=_four(
                # PyTorch's and Google's copies: the files at yann.lecun.com are gone (pytorch/pytorch#164238)
                (
                    "https://ossci-datasets.s3.amazonaws.com/mnist/",
                    "https://storage.googleapis.com/cvdf-datasets/mnist/",
                ),
                (
                    (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
                    (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
                    (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
                    (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
                ),
            ),
        ),
        Published(
            name="fashion-mnist",
            description="70,000 pieces of clothing, 28×28 gray, 10,000 of them for testing",
            source="https://github.com/zalandoresearch/fashion-mnist",
            licence="MIT",
            files=_four(
                (
                    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                ),
                (
                    (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
                    (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
                    (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
                    (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
                ),
                md5=(  # the README of its repository
                    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    "25c81989df183df01b3e8a0aad5dffbe",
                    "bef4ecab320f06d8554ea6380940ec79",
                    "bb300cfdad3c16e7a12a480ee83cd310",
                ),
            ),
            reading=ImportOptions(
                classes=(
                    "T-shirt/top",
                    "Trouser",
                    "Pullover",
                    "Dress",
                    "Coat",
                    "Sandal",
                    "Shirt",
                    "Sneaker",
                    "Bag",
                    "Ankle boot",
                )
            ),
        ),
        Published(
            name="kmnist",
            description="70,000 handwritten hiragana (Kuzushiji-MNIST), 28×28 gray, 10,000 of them for testing",
            source="https://github.com/rois-codh/kmnist",
            licence="CC BY-SA 4.0",
            files=_four(
                ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
                (
                    (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
                    (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
                    (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
                    (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
                ),
            ),
            reading=ImportOptions(classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")),
        ),
        Published(
            name="california-housing",
            description="20,640 block groups of the 1990 census, 8 columns, median house value in $100,000",
            source="https://figshare.com/articles/dataset/cal_housing_tgz/3829992",
            licence="CC BY 4.0",
            files=(
                Remote(
                    role="file",
                    name="cal_housing.tgz",
                    url="https://ndownloader.figshare.com/files/5976036",
                    # the source of that copy, named in earlier versions of sklearn/datasets/_california_housing.py
                    mirrors=("https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.tgz",),
                    bytes=441_963,
                    # from the same module, in the installed version
                    sha256="aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
                    md5="130d0eececf165046ec4dc621d121d80",  # api.figshare.com/v2/articles/3829992
                ),
            ),
            reading=ImportOptions(target=TARGET),
            read=read_california,
        ),
    )
}
