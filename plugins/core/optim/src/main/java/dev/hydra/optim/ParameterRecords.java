package dev.hydra.optim;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Parameters as the kernels of {@link AdamWKernels} find them: addresses, in the form that
 * parameters.cu says, and the chunks that blocks take.
 *
 * @param records int64 [parameters, 8]
 * @param chunks int32 [chunks, 2]: the number of a record, and of a chunk in it
 * @param count the number of parameters
 * @param chunkCount the number of chunks
 */
record ParameterRecords(Tensor records, Tensor chunks, int count, int chunkCount)
    implements AutoCloseable {
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
      Stream<Tensor> more =
          Stream.concat(
              parameter.copy().stream(),
              isTable(parameter) ? Stream.empty() : Stream.of(parameter.gradient()));
      if (!Stream.concat(own, more).allMatch(Tensor::is_contiguous)) {
        throw new IllegalArgumentException(parameter.name() + " must be contiguous");
      }
    }
  }

  private static boolean isTable(OptimizedParameter parameter) {
    return parameter.gradient().is_sparse();
  }

  /**
   * Lists members, on their device; they keep their tensors where they are. Tables have records
   * without a gradient, and no chunks.
   */
  static ParameterRecords of(List<Member> members, int chunk) {
    long[] words = new long[WORDS * members.size()];
    List<Integer> pairs = new ArrayList<>();
    for (int i = 0; i < members.size(); i++) {
      put(members.get(i), words, WORDS * i);
      OptimizedParameter parameter = members.get(i).parameter();
      long size = isTable(parameter) ? 0 : parameter.master().numel();
      for (int part = 0; part < (size + chunk - 1) / chunk; part++) {
        pairs.add(i);
        pairs.add(part);
      }
    }
    int[] flat = pairs.stream().mapToInt(Integer::intValue).toArray();
    try (PointerScope scope = new PointerScope()) {
      Tensor like = members.get(0).parameter().master();
      Tensor records =
          Tensor.create(words, members.size(), WORDS).to(like.device(), ScalarType.Long);
      Tensor chunks = Tensor.create(flat, flat.length / 2, 2).to(like.device(), ScalarType.Int);
      return new ParameterRecords(
          Scopes.own(records), Scopes.own(chunks), members.size(), flat.length / 2);
    }
  }

  private static void put(Member member, long[] words, int at) {
    OptimizedParameter parameter = member.parameter();
    Optional<Tensor> copy = parameter.copy();
    boolean halfGradient = Tensors.type(parameter.gradient()) == ScalarType.BFloat16;
    long master = address(parameter.master());
    long gradient = isTable(parameter) ? 0 : address(parameter.gradient());
    long average = address(member.moments().average());
    long square = address(member.moments().square());
    long working = copy.map(ParameterRecords::address).orElse(0L);
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
    words[at + 5] = address(member.moments().step());
    words[at + 6] = parameter.master().numel();
    words[at + 7] =
        Integer.toUnsignedLong(Float.floatToRawIntBits((float) member.decay()))
            | flags << Integer.SIZE;
  }

  private static long address(Tensor tensor) {
    try (Pointer data = tensor.data_ptr()) {
      return data.address();
    }
  }

  @Override
  public void close() {
    records.close();
    chunks.close();
  }
}
