package dev.hydra.trainer.evaluation;

/**
 * The score of a model's predictions of a text.
 *
 * @param set what the text is called
 * @param loss mean negative log-likelihood per token, in nats
 * @param tokens how many tokens were scored
 * @param bytes how many bytes these tokens stand for
 * @param windows how many windows of the text were scored
 * @param of how many it has
 */
public record Score(String set, double loss, long tokens, long bytes, int windows, int of) {
  /** Returns the bits per byte of text: comparable between tokenizers. */
  public double bitsPerByte() {
    return loss * tokens / bytes / Math.log(2);
  }

  /** Says whether all of the text was scored. */
  public boolean whole() {
    return windows == of;
  }
}
