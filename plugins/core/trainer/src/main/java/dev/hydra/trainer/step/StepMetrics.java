package dev.hydra.trainer.step;

/**
 * The metrics of one optimizer step.
 *
 * @param loss mean loss of its forwards, in nats per token
 * @param auxiliary mean sum of auxiliary losses
 * @param gradientNorm norm of the gradient before clipping
 */
public record StepMetrics(double loss, double auxiliary, double gradientNorm) {
  /** Says whether all of it is finite. */
  public boolean finite() {
    return Double.isFinite(loss + auxiliary + gradientNorm);
  }
}
