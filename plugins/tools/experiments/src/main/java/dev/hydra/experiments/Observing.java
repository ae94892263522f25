package dev.hydra.experiments;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.experiments.measure.Observed;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tasks.Example;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Collects what the components of a model observe of themselves on examples. */
final class Observing {
  /** As many tokens go through the model at a time: what is counted of a forward is of so many. */
  private static final int TOKENS = 1 << 16;

  private final Model model;
  private final Map<String, double[]> sums = new LinkedHashMap<>();
  private final Map<String, List<Double>> atAnswers = new LinkedHashMap<>();
  private long tokens;

  private Observing(Model model) {
    this.model = model;
  }

  /** Observes the examples of a condition, without padding: those of one length together. */
  static Observed of(Model model, String condition, double loss, List<Example> examples) {
    Observing all = new Observing(model);
    examples.stream()
        .collect(Collectors.groupingBy(Example::length, TreeMap::new, Collectors.toList()))
        .forEach(all::observe);
    Map<String, List<Double>> averages = new LinkedHashMap<>();
    all.sums.forEach(
        (name, sum) ->
            averages.put(name, Arrays.stream(sum).map(each -> each / all.tokens).boxed().toList()));
    return new Observed(condition, loss, averages, all.atAnswers);
  }

  private void observe(int length, List<Example> examples) {
    int rows = Math.max(1, TOKENS / length);
    for (int from = 0; from < examples.size(); from += rows) {
      List<Example> some = examples.subList(from, Math.min(examples.size(), from + rows));
      ExampleBatch batch = new ExampleBatch(some, length);
      try (PointerScope scope = new PointerScope();
          ForwardContext forward = ForwardContext.evaluation().observing();
          Grad off = Grad.off()) {
        Device device = model.placement().device();
        model.hidden(batch.tokens().to(device, ScalarType.Long), forward);
        Tensor places = batch.places().to(device, ScalarType.Long);
        long size = (long) some.size() * length;
        forward.observations().forEach((name, value) -> add(name, value, places, size));
        tokens += size;
      }
    }
  }

  private void add(String name, Tensor value, Tensor places, long size) {
    if (value.is_sparse()) {
      return; // what is many, such as rows of a memory
    }
    if (value.dim() <= 1) {
      double[] own = Tensors.numbers(Tensors.upcast(value));
      double[] sum = sums.computeIfAbsent(name, first -> new double[own.length]);
      for (int i = 0; i < own.length; i++) {
        sum[i] += own[i] * size;
      }
    } else if (value.numel() == size) { // one for each token
      List<Double> all = atAnswers.computeIfAbsent(name, first -> new ArrayList<>());
      for (double each : Tensors.numbers(Tensors.upcast(value.flatten().index_select(0, places)))) {
        all.add(each);
      }
    }
  }
}
