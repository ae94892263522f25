package dev.hydra.mixer.attention;

import dev.hydra.api.StateCache;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The state of rows that decode, whose tensors stay where they are.
 *
 * @param lengths tokens of each row before this one, int64 [rows]
 * @param slots tensors by name
 */
record FixedSlots(Tensor lengths, Map<String, Tensor> slots) implements StateCache {
  /** Copies, with the tensors in a type. */
  FixedSlots copy(ScalarType type) {
    Map<String, Tensor> copies = new HashMap<>();
    slots.forEach((name, tensor) -> copies.put(name, tensor.clone().to(type)));
    return new FixedSlots(lengths, copies);
  }

  /** One of the rows, with room for so many tokens. */
  FixedSlots row(long row, long room) {
    Map<String, Tensor> part = new HashMap<>();
    slots.forEach(
        (name, tensor) ->
            part.put(
                name,
                tensor
                    .narrow(0, row, 1)
                    .narrow(1, 0, Math.min(room, tensor.size(1)))
                    .clone()
                    .contiguous()));
    return new FixedSlots(lengths.narrow(0, row, 1), part);
  }

  @Override
  public long position() {
    throw new IllegalStateException("rows decode");
  }

  @Override
  public boolean decoding() {
    return true;
  }

  @Override
  public Tensor positions(Tensor like) {
    return lengths;
  }

  @Override
  public Optional<long[]> known() {
    return Optional.of(Tensors.integers(lengths));
  }

  @Override
  public Optional<Tensor> get(String name) {
    return Optional.ofNullable(slots.get(name));
  }

  @Override
  public void put(String name, Tensor value) {
    throw new IllegalStateException("state is changed in place");
  }
}
