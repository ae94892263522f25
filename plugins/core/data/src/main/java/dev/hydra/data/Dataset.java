package dev.hydra.data;

import dev.hydra.chat.ChatTemplate;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Data ready for training.
 *
 * @param tokenizer what its tokens mean
 * @param corpora the texts, one for each source
 * @param train the samples to train on
 * @param validation the texts to score on, each with a window at least; none if nothing is held out
 */
public record Dataset(
    Tokenizer tokenizer, List<Corpus> corpora, Sampler train, List<ValidationSet> validation) {
  /** Copies the lists. */
  public Dataset {
    corpora = List.copyOf(corpora);
    validation = List.copyOf(validation);
  }

  /** Returns the number of tokens of all sources. */
  public long size() {
    return corpora.stream().mapToLong(Corpus::size).sum();
  }

  /** Returns what made text of conversations, of each source of some. */
  public List<ChatTemplate> chatTemplates() {
    return corpora.stream().flatMap(corpus -> corpus.chatTemplate().stream()).toList();
  }

  /** Returns a short text that other texts hardly share. */
  public String fingerprint() {
    return corpora.stream().map(Corpus::fingerprint).collect(Collectors.joining("+"));
  }
}
