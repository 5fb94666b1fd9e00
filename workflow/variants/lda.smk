# Latent Dirichlet allocation, online: codes are shares of topics (Blei, Ng & Jordan 2003).
# Chosen on 15% of the training documents of 20 Newsgroups, Reuters R52 (perplexity at 10 topics):
# priors of 0.1, 0.5 826, 335; of 0.25, 0.5 831, 341; of 0.25, 0.1 833, 341; of 0.5, 0.1 830, 348;
# 10 passes instead of 5 gain 0.6% and 1.4% for twice the time.
use rule train as train_lda with:
    pathvars:
        variant="lda",
    params:
        estimator="TopicModel",
        role="baseline",
        documents=dict(code_sizes="main", doc_topic_prior=0.1, topic_word_prior=0.5, passes=5),
