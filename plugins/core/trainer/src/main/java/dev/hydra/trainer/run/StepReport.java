package dev.hydra.trainer.run;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * The report of one optimizer step.
 *
 * @param step its number, from 1
 * @param steps the number of steps in all
 * @param loss mean negative log-likelihood per token, in nats, without auxiliary losses
 * @param auxiliary the sum of the auxiliary losses
 * @param gradientNorm the global norm of the gradient before clipping
 * @param learningRate the learning rate
 * @param tokensPerSecond training tokens per second since the report before
 * @param dataWait the part of the time since the report before in which training waited for data, 0
 *     to 1
 * @param totals what the run has taken so far
 */
public record StepReport(
    long step,
    long steps,
    double loss,
    double auxiliary,
    double gradientNorm,
    double learningRate,
    double tokensPerSecond,
    double dataWait,
    Totals totals) {

  /**
   * What a run has taken up to a step.
   *
   * @param tokens tokens trained, in all processes that the run went on in
   * @param seconds the time that training them took, without evaluations and checkpoints
   * @param mfu the model's FLOPs a second since the report before as a part of the device's peak;
   *     empty where that is not known
   * @param devicePeakBytes the most memory that tensors had on a CUDA device; empty on others
   * @param hostBytes the resident memory of the process; empty where the system does not tell it
   */
  public record Totals(
      long tokens,
      double seconds,
      OptionalDouble mfu,
      OptionalLong devicePeakBytes,
      OptionalLong hostBytes) {}

  /** Returns the numbers by the names that they have in the metrics. */
  public Map<String, Object> metrics() {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("loss", loss);
    line.put("auxiliary_loss", auxiliary);
    line.put("gradient_norm", gradientNorm);
    line.put("learning_rate", learningRate);
    line.put("tokens", totals.tokens());
    line.put("seconds", totals.seconds());
    line.put("tokens_per_second", tokensPerSecond);
    line.put("data_wait", dataWait);
    totals.mfu().ifPresent(mfu -> line.put("mfu", mfu));
    totals.devicePeakBytes().ifPresent(bytes -> line.put("device_peak_bytes", bytes));
    totals.hostBytes().ifPresent(bytes -> line.put("host_bytes", bytes));
    return line;
  }
}
