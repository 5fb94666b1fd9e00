"""Who made each data set, where it is described, and under which terms it may be used."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """Of one data set: a citation, its home page or paper, what may be done with it."""

    citation: str
    url: str
    terms: str


TERMS = {
    "mnist": Terms(
        "LeCun, Bottou, Bengio & Haffner, Proc. IEEE 86:2278 (1998)",
        "https://doi.org/10.1109/5.726791",
        "CC BY-SA 3.0, as its copies say",
    ),
    "fashion-mnist": Terms(
        "Xiao, Rasul & Vollgraf, arXiv:1708.07747 (2017)",
        "https://arxiv.org/abs/1708.07747",
        "MIT, Zalando SE",
    ),
    "curves": Terms(
        "after Hinton & Salakhutdinov, Science 313:504 (2006)",
        "https://doi.org/10.1126/science.1127647",
        "this package's",
    ),
    "olivetti": Terms(
        "Samaria & Harter, IEEE Workshop on Applications of Computer Vision (1994)",
        "https://doi.org/10.1109/ACV.1994.341300",
        "free for research; credit AT&T Laboratories Cambridge",
    ),
    "20newsgroups": Terms(
        "Lang, ICML (1995); Cachopo's edition (2007)",
        "http://qwone.com/~jason/20Newsgroups/",
        "public posts, for research",
    ),
    "reuters-r52": Terms(
        "Lewis's Reuters-21578; Cachopo's single-label split (2007)",
        "http://ana.cachopo.org/datasets-for-single-label-text-categorization",
        "for research",
    ),
    "rcv1": Terms(
        "Lewis, Yang, Rose & Li, JMLR 5:361 (2004)",
        "https://www.jmlr.org/papers/v5/lewis04a.html",
        "the token files are free; the stories are not",
    ),
}
"""As docs/data.md has it, by the name of the data set."""
