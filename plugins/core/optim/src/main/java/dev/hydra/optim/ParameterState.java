package dev.hydra.optim;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * The optimizer state of one parameter (in PyTorch: {@code optimizer.state[parameter]}).
 *
 * <p>Where the parameters of a model change, the state of a new parameter is made from those that
 * it came from: a tensor of the parameter's shape is moved element by element as the parameter was,
 * one without dimensions (a count of steps) is the largest of theirs, and of any other shape starts
 * anew.
 *
 * @param tensors by names without dots, such as {@code exp_avg}; always the same names for all
 *     parameters that are treated alike
 */
public record ParameterState(Map<String, Tensor> tensors) implements AutoCloseable {
  /** The name of the average of the parameter itself, where {@link OptimizerSettings#averaging}. */
  public static final String EMA = "ema";

  /** Copies the map and checks the names. */
  public ParameterState {
    for (String name : tensors.keySet()) {
      if (name.isEmpty() || name.contains(".")) {
        throw new IllegalArgumentException(
            "\"" + name + "\" cannot name a tensor of an optimizer's state");
      }
    }
    tensors = new LinkedHashMap<>(tensors);
  }

  /**
   * Returns the states of all parameters in what {@link Optimizer#exportState} gave, by name; the
   * tensors are the same ones.
   */
  public static Map<String, ParameterState> of(Map<String, Tensor> exported) {
    Map<String, Map<String, Tensor>> parts = new LinkedHashMap<>();
    exported.forEach(
        (key, tensor) -> {
          int dot = key.lastIndexOf('.');
          parts
              .computeIfAbsent(key.substring(0, Math.max(0, dot)), name -> new LinkedHashMap<>())
              .put(key.substring(dot + 1), tensor);
        });
    Map<String, ParameterState> all = new LinkedHashMap<>();
    parts.forEach((name, tensors) -> all.put(name, new ParameterState(tensors)));
    return all;
  }

  /**
   * Returns a tensor.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          "the optimizer state has no " + name + ", only " + tensors.keySet());
    }
    return tensor;
  }

  /** Returns a state of the same names, each tensor mapped. */
  public ParameterState map(UnaryOperator<Tensor> each) {
    Map<String, Tensor> made = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> made.put(name, each.apply(tensor)));
    return new ParameterState(made);
  }

  /** Copies the values of another state of the same names and shapes. */
  public void load(ParameterState other) {
    tensors.forEach((name, tensor) -> tensor.copy_(other.get(name)));
  }

  /** Returns the bytes of memory that it takes. */
  public long bytes() {
    return tensors.values().stream()
        .mapToLong(tensor -> tensor.numel() * tensor.element_size())
        .sum();
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
  }
}
