package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.libtorch.nn.Documents;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * What a forward is decided by: its chunks where they begin at multiples of their length, else its
 * single tokens. Computed on the device without waiting for it.
 *
 * @param size tokens per step
 * @param index int64 [1, steps]: 0, 1, 2, ...
 * @param inDocument int64 [1 or batch, steps]: the number of tokens before the step, in the same
 *     document
 */
record Steps(int size, Tensor index, Tensor inDocument) {
  /**
   * Divides a forward.
   *
   * @param x [batch, time, ...]
   * @param chunk tokens per decision
   */
  static Steps of(Tensor x, int chunk, Pass pass) {
    long time = x.size(1);
    Optional<Tensor> starts = Documents.starts(pass);
    if (starts.isPresent()) {
      Tensor index = Tensors.range(0, time, x).unsqueeze(0);
      return new Steps(1, index, index.sub(starts.get()));
    }
    if (pass.cache().isPresent() && pass.cache().get().decoding()) {
      Tensor before = pass.cache().get().positions(x).unsqueeze(1);
      return new Steps(1, Tensors.range(0, time, x).unsqueeze(0), before);
    }
    long before = pass.cache().isPresent() ? pass.cache().get().position() : 0;
    int size = before % chunk == 0 && time % chunk == 0 ? chunk : 1;
    Tensor index = Tensors.range(0, time / size, x).unsqueeze(0);
    Tensor tokens = size == 1 ? index : Tensors.mul(index, (long) size);
    return new Steps(size, index, before == 0 ? tokens : plus(tokens, before));
  }

  private static Tensor plus(Tensor numbers, long term) {
    try (Scalar scalar = new Scalar(term)) {
      return numbers.add(scalar);
    }
  }

  /** Whether each step is a chunk of its own. */
  boolean areChunks(int chunk) {
    return size == chunk;
  }

  /** The index of the first step of each step's document, if that is in this forward. */
  Tensor documentStart() {
    return index.sub(inDocument);
  }

  /** The index of the first step of each step's chunk, negative if in an earlier forward. */
  Tensor chunkStart(int chunk) {
    try (Scalar length = new Scalar(chunk)) {
      return index.sub(inDocument.remainder(length));
    }
  }

  /** The sums over each step of rows [batch, time, width]: [batch, steps, width]. */
  Tensor sums(Tensor rows) {
    return size == 1 ? rows : rows.unflatten(1, -1, size).sum(2);
  }

  /**
   * The sum of all rows before each step, and after the last: [batch, steps + 1, width]. The scan
   * runs along the last dimension in memory: along another one CUDA has a thread for each sum only.
   *
   * @param steps their sums [batch, steps, width]
   * @param before what came before the forward [batch, width]
   */
  static Tensor runningSums(Tensor steps, Tensor before) {
    Tensor sums = steps.transpose(1, 2).contiguous().cumsum(-1).transpose(1, 2);
    Tensor total = before.unsqueeze(1);
    return Tensors.cat(1, total, sums.add(total));
  }
}
