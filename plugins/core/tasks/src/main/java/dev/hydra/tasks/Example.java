package dev.hydra.tasks;

import java.util.Arrays;
import java.util.List;

/**
 * What a model reads, and what it should predict on the way. A target at a place is predicted from
 * the tokens up to and with that place, and from no later one.
 */
public final class Example {
  /** The target, and the answer, of a place where nothing is predicted. */
  public static final int NONE = -1;

  private final int[] tokens;
  private final int[] targets;
  private final int[] answers;

  private Example(int[] tokens, int[] targets, int[] answers) {
    this.tokens = tokens;
    this.targets = targets;
    this.answers = answers;
  }

  /** Returns the number of tokens that are read. */
  public int length() {
    return tokens.length;
  }

  /** Returns a copy of the tokens that are read. */
  public int[] tokens() {
    return tokens.clone();
  }

  /** Returns a copy of what is to be predicted at each place; {@link #NONE} where nothing is. */
  public int[] targets() {
    return targets.clone();
  }

  /**
   * Returns a copy of which answer the target at each place belongs to, numbered from 0; {@link
   * #NONE} where nothing is measured. An answer is right if all its tokens are.
   */
  public int[] answers() {
    return answers.clone();
  }

  /** Returns the number of answers that are measured. */
  public int answerCount() {
    return Arrays.stream(answers).max().orElse(NONE) + 1;
  }

  /** Writes the example for people: what is read, and in brackets what is to be predicted. */
  public String text(List<String> vocabulary) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < tokens.length; i++) {
      text.append(i == 0 ? "" : " ").append(vocabulary.get(tokens[i]));
      if (targets[i] != NONE) {
        text.append(" [").append(vocabulary.get(targets[i])).append("]");
      }
    }
    return text.toString();
  }

  /** Two examples are equal if the same is read; then the same is to be predicted, too. */
  @Override
  public boolean equals(Object other) {
    return other instanceof Example example && Arrays.equals(tokens, example.tokens);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(tokens);
  }

  /** Puts an example together, from its first token to its last. */
  public static final class Builder {
    private final IntList tokens = new IntList();
    private final IntList targets = new IntList();
    private final IntList answers = new IntList();
    private int count;
    private boolean open;

    /** Adds tokens that are read. */
    public Builder read(int... text) {
      for (int token : text) {
        add(token);
      }
      return this;
    }

    /**
     * Asks for an answer after the last token. It is not read, so that nothing after it depends on
     * it.
     */
    public Builder ask(int target) {
      predict(target);
      answers.set(answers.size() - 1, count++);
      return this;
    }

    /** Has a token predicted after the last one, and trained on, but not measured. */
    public Builder train(int target) {
      predict(target);
      return this;
    }

    /** Adds tokens that are predicted, trained on but not measured, and then read. */
    public Builder follow(int... text) {
      for (int token : text) {
        if (open) {
          predict(token);
        }
        add(token);
      }
      return this;
    }

    /** Asks for an answer of several tokens: each is read when the next is to be predicted. */
    public Builder answer(int... target) {
      if (target.length == 0) {
        throw new IllegalArgumentException("an answer needs a token");
      }
      for (int i = 0; i < target.length; i++) {
        predict(target[i]);
        answers.set(answers.size() - 1, count);
        if (i < target.length - 1) {
          add(target[i]);
        }
      }
      count++;
      return this;
    }

    private void add(int token) {
      if (token < 0) {
        throw new IllegalArgumentException(token + " is not a token");
      }
      tokens.add(token);
      targets.add(NONE);
      answers.add(NONE);
      open = true;
    }

    private void predict(int target) {
      if (!open || target < 0) {
        throw new IllegalStateException(
            "something is predicted once after each token that is read, not before");
      }
      targets.set(targets.size() - 1, target);
      open = false;
    }

    /** Returns the example. */
    public Example build() {
      if (count == 0) {
        throw new IllegalStateException("nothing is asked for");
      }
      return new Example(tokens.toArray(), targets.toArray(), answers.toArray());
    }
  }
}
