package dev.hydra.trainer.metrics;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelSummary;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.CudaMemory;
import dev.hydra.libtorch.runtime.PeakFlops;
import dev.hydra.libtorch.runtime.ProcessMemory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Device;
import org.jspecify.annotations.Nullable;

/** Tells what a model that is trained costs: FLOPs of a token, and memory. */
public final class ModelCosts {
  /** Of forward and backward together, counted in forwards (arXiv 2001.08361, section 2.1). */
  public static final int FORWARDS_OF_A_STEP = 3;

  private final Model model;
  private final OptionalDouble peak;
  private @Nullable ModelSpec counted;
  private int countedLength;
  private Map<String, Object> line = Map.of();
  private double forwardFlops;

  /** Creates the costs of a model, which may change. */
  public ModelCosts(Model model) {
    this.model = model;
    peak = PeakFlops.of(model.placement().device(), model.placement().compute());
  }

  /**
   * Returns the values of a line of kind {@link MetricLine#MODEL}, for sequences of a length;
   * counted anew where the model or the length has changed.
   */
  public Map<String, Object> line(int sequenceLength) {
    if (!model.spec().equals(counted) || sequenceLength != countedLength) {
      count(sequenceLength);
    }
    return line;
  }

  private void count(int sequenceLength) {
    ModelSummary summary =
        ModelSummary.of(model, model.placement().compute(), List.of((long) sequenceLength));
    counted = model.spec();
    countedLength = sequenceLength;
    forwardFlops = summary.lengths().get(0).forwardFlopsPerToken();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("parameters", summary.parameters());
    values.put("active_parameters", summary.activeParameters());
    values.put("sequence_length", sequenceLength);
    values.put("forward_flops_per_token", forwardFlops);
    values.put("training_flops_per_token", FORWARDS_OF_A_STEP * forwardFlops);
    values.put("device", device().str().getString());
    values.put("compute", model.placement().compute().name().toLowerCase(Locale.ROOT));
    peak.ifPresent(known -> values.put("device_peak_flops", known));
    line = values;
  }

  private Device device() {
    return model.placement().device();
  }

  /**
   * Returns the model's FLOPs a second as a part of the device's peak (PaLM, arXiv 2204.02311,
   * appendix B); empty where the peak is not known.
   *
   * @param tokensPerSecond tokens a second that a forward is computed of; of training {@link
   *     #FORWARDS_OF_A_STEP} times what is trained
   */
  public OptionalDouble mfu(int sequenceLength, double tokensPerSecond) {
    if (peak.isEmpty()) {
      return peak;
    }
    var unused = line(sequenceLength);
    return OptionalDouble.of(forwardFlops * tokensPerSecond / peak.getAsDouble());
  }

  /** Returns the most bytes that tensors had at one time on a CUDA device; empty on others. */
  public OptionalLong devicePeakBytes() {
    return device().is_cuda() ? OptionalLong.of(CudaMemory.peak(device())) : OptionalLong.empty();
  }

  /** Returns the resident memory of this process; empty where the system does not tell it. */
  public OptionalLong hostBytes() {
    return ProcessMemory.now();
  }
}
