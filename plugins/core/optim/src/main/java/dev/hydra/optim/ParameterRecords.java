package dev.hydra.optim;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Parameters as the kernels of {@link AdamWKernels} find them: addresses, in the form that
 * parameters.cu says, and the chunks that blocks take.
 */
final class ParameterRecords implements AutoCloseable {
  private static final int WORDS = 8;
  private static final long GRADIENT_IS_BF16 = 1;
  private static final long ALIGNED = 4;

  /** Bytes that four float32, and four bfloat16, are aligned to. */
  private static final int FLOATS = 16;

  private static final int HALVES = 8;

  /** A parameter, its moments and the decay of its weights; tensors that lie in one piece. */
  record Member(OptimizedParameter parameter, Moments moments, double decay) {
    Member {
      Stream<Tensor> own = Stream.of(parameter.master(), moments.average(), moments.square());
      if (!Stream.concat(own, parameter.copy().stream()).allMatch(Tensor::is_contiguous)) {
        throw new IllegalArgumentException(parameter.name() + " must be contiguous");
      }
    }
  }

  private final List<Member> members;
  private final long[] words;
  private final Tensor records;
  private final Tensor chunks;
  private final int chunkCount;
  private final int denseChunkCount;
  private boolean given = true;

  /**
   * Lists members, on their device; they keep their tensors where they are. Tables with sparse
   * gradients have records without a gradient, and no chunks.
   *
   * @param members tables last
   */
  ParameterRecords(List<Member> members, int chunk) {
    this.members = List.copyOf(members);
    words = new long[WORDS * members.size()];
    List<Integer> pairs = new ArrayList<>();
    int ofTables = 0;
    for (int i = 0; i < members.size(); i++) {
      OptimizedParameter parameter = members.get(i).parameter();
      Tensor gradient = parameter.gradient();
      put(members.get(i), gradient, WORDS * i);
      given &= gradient.is_sparse() || gradient.is_contiguous();
      long size = gradient.is_sparse() ? 0 : gradient.numel();
      long parts = Grid.count(size, chunk);
      ofTables += parameter.isTable() ? (int) parts : 0;
      for (int part = 0; part < parts; part++) {
        pairs.add(i);
        pairs.add(part);
      }
    }
    int[] flat = pairs.stream().mapToInt(Integer::intValue).toArray();
    chunkCount = flat.length / 2;
    denseChunkCount = chunkCount - ofTables;
    try (PointerScope scope = new PointerScope()) {
      Tensor like = members.get(0).parameter().master();
      records = Scopes.own(host().to(like.device(), ScalarType.Long));
      chunks = Scopes.own(Tensor.create(flat, chunkCount, 2).to(like.device(), ScalarType.Int));
    }
  }

  private Tensor host() {
    return Tensor.create(words, members.size(), WORDS);
  }

  /**
   * Takes other gradients than those that parameters came with; see {@link FusedUpdate#gradients}.
   */
  void gradients(Map<String, Tensor> dense) {
    for (int i = 0; i < members.size(); i++) {
      OptimizedParameter parameter = members.get(i).parameter();
      if (!parameter.isTable()) {
        Tensor gradient = dense.get(parameter.name());
        if (gradient == null || !gradient.is_contiguous()) {
          throw new IllegalArgumentException(
              "the gradient of " + parameter.name() + " must be there, and contiguous");
        }
        put(members.get(i), gradient, WORDS * i);
      }
    }
    given = true;
    Scopes.run(() -> records.copy_(host()));
  }

  /** int64 [parameters, 8]. */
  Tensor records() {
    if (!given) {
      throw new IllegalStateException("the gradients have not been given yet");
    }
    return records;
  }

  /** int32 [chunks, 2]: the number of a record, and of a chunk in it. */
  Tensor chunks() {
    return chunks;
  }

  /** The number of parameters. */
  int count() {
    return members.size();
  }

  /** The number of chunks, those of dense gradients of tables last. */
  int chunkCount() {
    return chunkCount;
  }

  /** The number of chunks of parameters that are not tables. */
  int denseChunkCount() {
    return denseChunkCount;
  }

  private void put(Member member, Tensor from, int at) {
    OptimizedParameter parameter = member.parameter();
    boolean halfGradient = Tensors.type(from) == ScalarType.BFloat16;
    long master = Tensors.address(parameter.master());
    long gradient = from.is_sparse() ? 0 : Tensors.address(from);
    long average = Tensors.address(member.moments().average());
    long square = Tensors.address(member.moments().square());
    long working = parameter.copy().map(Tensors::address).orElse(0L);
    boolean aligned =
        (master | average | square) % FLOATS == 0
            && gradient % (halfGradient ? HALVES : FLOATS) == 0
            && working % HALVES == 0;
    long flags = (halfGradient ? GRADIENT_IS_BF16 : 0) | (aligned ? ALIGNED : 0);
    words[at] = master;
    words[at + 1] = gradient;
    words[at + 2] = average;
    words[at + 3] = square;
    words[at + 4] = working;
    words[at + 5] = Tensors.address(member.moments().step());
    words[at + 6] = parameter.master().numel();
    words[at + 7] =
        Integer.toUnsignedLong(Float.floatToRawIntBits((float) member.decay()))
            | flags << Integer.SIZE;
  }

  @Override
  public void close() {
    records.close();
    chunks.close();
  }
}
