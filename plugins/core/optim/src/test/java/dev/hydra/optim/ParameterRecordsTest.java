package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What kernels are told of parameters, on the CPU. */
@ExtendWith(InScope.class)
class ParameterRecordsTest {
  private static ParameterRecords.Member member(Tensor master, boolean half, double decay) {
    Tensor copy = master.to(ScalarType.BFloat16);
    return new ParameterRecords.Member(
        new OptimizedParameter(
            "a",
            master,
            torch.zeros_like(half ? copy : master),
            half ? Optional.of(copy) : Optional.empty(),
            decay > 0),
        Moments.zeros(master, Tensors.type(master)),
        decay);
  }

  @Test
  void aRecordHoldsAddressesSizeDecayAndFlags() {
    Tensor whole = torch.zeros(5, 5);
    ParameterRecords.Member full = member(whole, false, 0.25);
    ParameterRecords.Member half = member(whole.clone(), true, 0);
    try (ParameterRecords records = new ParameterRecords(List.of(full, half), 8)) {
      long[] words = Tensors.integers(records.records());
      assertEquals(whole.data_ptr().address(), words[0]);
      assertEquals(full.parameter().gradient().data_ptr().address(), words[1]);
      assertEquals(full.moments().average().data_ptr().address(), words[2]);
      assertEquals(full.moments().square().data_ptr().address(), words[3]);
      assertEquals(0, words[4]);
      assertEquals(full.moments().step().data_ptr().address(), words[5]);
      assertEquals(25, words[6]);
      assertEquals(0.25f, Float.intBitsToFloat((int) words[7]));
      assertEquals(4, words[7] >> 32);
      assertEquals(half.parameter().copy().orElseThrow().data_ptr().address(), words[8 + 4]);
      assertEquals(1 | 4, words[8 + 7] >> 32);
      assertEquals(8, records.chunkCount());
      assertArrayEquals(
          new long[] {0, 0, 0, 1, 0, 2, 0, 3, 1, 0, 1, 1, 1, 2, 1, 3},
          Tensors.integers(records.chunks()));
    }
  }

  @Test
  void whatBeginsAtAnOddAddressIsNotAligned() {
    ParameterRecords.Member odd = member(torch.zeros(9).narrow(0, 1, 8), false, 0);
    try (ParameterRecords records = new ParameterRecords(List.of(odd), 8)) {
      assertEquals(0, Tensors.integers(records.records())[7] >> 32);
    }
  }

  @Test
  void whatDoesNotLieInOnePieceIsRefused() {
    Tensor turned = torch.zeros(3, 4).t();
    assertThrows(IllegalArgumentException.class, () -> member(turned, false, 0));
  }

  @Test
  void aTableHasARecordButNoGradientAndNoChunks() {
    Tensor table = torch.zeros(4, 2);
    Tensor gradient =
        torch.torch__sparse_coo_tensor_unsafe(
            torch.zeros(1, 0).to(ScalarType.Long), torch.zeros(0, 2), new long[] {4, 2});
    ParameterRecords.Member member =
        new ParameterRecords.Member(
            new OptimizedParameter("t", table, gradient, false),
            Moments.zeros(table, ScalarType.Float),
            0);
    try (ParameterRecords records =
        new ParameterRecords(List.of(member(torch.zeros(3), false, 0), member), 8)) {
      long[] words = Tensors.integers(records.records());
      assertEquals(0, words[8 + 1]);
      assertEquals(8, words[8 + 6]);
      assertEquals(1, records.chunkCount());
      assertEquals(2, records.count());
    }
  }

  /** Its norm is that of others; what changes it is a kernel of its own. */
  @Test
  void aTableWithADenseGradientHasChunksAfterAllOthers() {
    Tensor table = torch.zeros(4, 5);
    Tensor gradient = torch.zeros_like(table);
    OptimizedParameter parameter =
        new OptimizedParameter(
            "t",
            table,
            gradient,
            Optional.empty(),
            false,
            Optional.of(Tensors.zeros(table, ScalarType.Bool, 4)));
    ParameterRecords.Member member =
        new ParameterRecords.Member(parameter, Moments.zeros(table, ScalarType.Float), 0);
    try (ParameterRecords records =
        new ParameterRecords(List.of(member(torch.zeros(9), false, 0), member), 8)) {
      assertEquals(gradient.data_ptr().address(), Tensors.integers(records.records())[8 + 1]);
      assertEquals(2 + 3, records.chunkCount());
      assertEquals(2, records.denseChunkCount());
      assertArrayEquals(
          new long[] {0, 0, 0, 1, 1, 0, 1, 1, 1, 2}, Tensors.integers(records.chunks()));
    }
  }

  @Test
  void gradientsMayBeElsewhereInEveryStep() {
    Tensor master = torch.zeros(12);
    Tensor shape = torch.zeros(1).expand(12);
    ParameterRecords.Member member =
        new ParameterRecords.Member(
            new OptimizedParameter(
                "p", master, shape, Optional.of(master.to(ScalarType.BFloat16)), true),
            Moments.zeros(master, Tensors.type(master)),
            0);
    try (ParameterRecords records = new ParameterRecords(List.of(member), 8)) {
      assertThrows(IllegalStateException.class, records::records);
      Tensor first = torch.ones(12);
      records.gradients(Map.of("p", first));
      assertEquals(first.data_ptr().address(), Tensors.integers(records.records())[1]);
      Tensor second = torch.ones(12).to(ScalarType.BFloat16);
      records.gradients(Map.of("p", second));
      long[] words = Tensors.integers(records.records());
      assertEquals(second.data_ptr().address(), words[1]);
      assertEquals(1, words[7] >> 32 & 1);
      assertThrows(IllegalArgumentException.class, () -> records.gradients(Map.of()));
      assertThrows(IllegalArgumentException.class, () -> records.gradients(Map.of("p", shape)));
    }
  }
}
