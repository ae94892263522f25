package dev.hydra.trainer.evaluation;

/**
 * The score of a model's predictions of text.
 *
 * @param loss mean negative log-likelihood per token, in nats
 * @param tokens how many tokens were scored
 * @param bytes how many bytes these tokens stand for
 * @param heldOut how many bytes all windows that are held out stand for
 */
public record Score(double loss, long tokens, long bytes, long heldOut) {
  /** Returns the bits per byte of text: comparable between tokenizers. */
  public double bitsPerByte() {
    return loss * tokens / bytes / Math.log(2);
  }
}
