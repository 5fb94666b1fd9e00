"""A topic model whose codes are shares of topics."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from aebench.models.words import check_code_size, check_counts


class TopicModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Latent Dirichlet allocation of word counts, learned online.

    The model is scikit-learn's (Hoffman, Blei & Bach 2010, "Online learning for latent Dirichlet
    allocation", NIPS 23); Blei, Ng & Jordan 2003, JMLR 3:993. A document's code is its shares of
    topics, and its reconstruction their mixture: shares of words.

    Parameters
    ----------
    code_size : int
        Number of topics.
    doc_topic_prior, topic_word_prior : float or None
        Dirichlet parameters of topics in a document and of words in a topic, at most 1; None is
        1 / code_size.
    passes : int
        Over the documents.
    visits : int
        Limit on passes times documents, but for the first pass.
    batch_size : int
    random_state : int, RandomState instance or None

    Attributes
    ----------
    topics_ : ndarray, shape [code_size, n_words]
        Shares of words in each topic.
    """

    def __init__(
        self,
        code_size: int = 10,
        doc_topic_prior: float | None = None,
        topic_word_prior: float | None = None,
        passes: int = 5,
        visits: int = 100_000,
        batch_size: int = 256,
        random_state: Any = None,
    ) -> None:
        self.code_size = code_size
        self.doc_topic_prior = doc_topic_prior
        self.topic_word_prior = topic_word_prior
        self.passes = passes
        self.visits = visits
        self.batch_size = batch_size
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:  # for scikit-learn's get_feature_names_out
        return len(self.topics_)

    @property
    def lda(self) -> Any:
        """An unfitted LatentDirichletAllocation of these parameters."""
        from sklearn.decomposition import LatentDirichletAllocation

        return LatentDirichletAllocation(
            self.code_size,
            doc_topic_prior=self.doc_topic_prior,
            topic_word_prior=self.topic_word_prior,
            learning_method="online",
            batch_size=self.batch_size,
            random_state=self.random_state,
        )

    def fit(self, X: Any, y: None = None) -> "TopicModel":
        """Fit on counts X [n_documents, n_words]."""
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        check_counts(X)
        check_code_size(self.code_size, X.shape[1])
        passes = max(1, min(self.passes, self.visits // X.shape[0]))
        self.lda_ = self.lda.set_params(max_iter=passes).fit(X)
        weights = self.lda_.components_
        self.topics_ = weights / weights.sum(axis=1, keepdims=True)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return shares of topics [n_documents, code_size]; each row sums to 1."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        check_counts(X)
        return self.lda_.transform(X)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return shares of words [n_documents, n_words]; each row sums to 1."""
        check_is_fitted(self)
        return np.asarray(Z) @ self.topics_
