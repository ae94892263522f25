package dev.hydra.tck;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of decoding state and packed documents. */
final class StateChecks {
  private static final int RANDOM_SPLITS = 6;

  private StateChecks() {}

  static void chunked(Subject subject) {
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < RANDOM_SPLITS; i++) {
      equalsWhole(subject, Documents.lengths(random, subject.time(), subject.time() / 2 + 1));
    }
  }

  static void tokenByToken(Subject subject) {
    int[] ones = new int[subject.time()];
    Arrays.fill(ones, 1);
    equalsWhole(subject, ones);
  }

  private static void equalsWhole(Subject subject, int[] split) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double);
          Tensor whole = ForwardChecks.run(component, x);
          List<Tensor> parts = new ArrayList<>();
          try (ModelState state = new ModelState()) {
            int from = 0;
            for (int length : split) {
              parts.add(forward(component, Tensors.slice(x, 1, from, from + length), state));
              from += length;
            }
          }
          Compare.same(
              Tensors.cat(1, parts.toArray(Tensor[]::new)),
              whole,
              "in chunks of " + Arrays.toString(split));
        });
  }

  /** Where all that is kept grows with the text, it is cut shorter, and the text goes on anew. */
  static void takenBack(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double);
          Tensor whole = ForwardChecks.run(component, x);
          for (int end : new int[] {subject.time() / 2, subject.time()}) {
            for (int to : new int[] {1, end / 2, end - 1}) {
              takenBack(component, x, whole, end, to);
            }
          }
        });
  }

  private static void takenBack(
      StandaloneComponent component, Tensor x, Tensor whole, int end, int to) {
    try (ModelState state = new ModelState()) {
      forward(component, Tensors.slice(x, 1, 0, end), state);
      if (to < 1 || !component.rewinding().isPossible(state)) {
        return;
      }
      try (ModelState back = component.rewinding().fork(state, to)) {
        Compare.same(
            forward(component, Tensors.slice(x, 1, to, x.size(1)), back),
            Tensors.slice(whole, 1, to, x.size(1)),
            "after " + end + " tokens, taken back to " + to);
      }
    }
  }

  private static Tensor forward(StandaloneComponent component, Tensor x, ModelState state) {
    try (ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      return component.forward(x, forward);
    }
  }

  static void packed(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double);
          Documents documents = Documents.of(subject);
          Tensor together;
          try (ForwardContext forward =
                  ForwardContext.evaluation().withDocuments(documents.numbers());
              Grad off = Grad.off()) {
            together = component.forward(x, forward);
          }
          for (int row = 0; row < documents.rows().size(); row++) {
            separate(component, x, together, row, documents.rows().get(row));
          }
        });
  }

  private static void separate(
      StandaloneComponent component, Tensor x, Tensor together, int row, int[] lengths) {
    int from = 0;
    for (int length : lengths) {
      Tensor document = Tensors.slice(Tensors.slice(x, 0, row, row + 1), 1, from, from + length);
      Compare.same(
          Tensors.slice(Tensors.slice(together, 0, row, row + 1), 1, from, from + length),
          ForwardChecks.run(component, document),
          "document at " + from + " of length " + length + ", packed " + Arrays.toString(lengths));
      from += length;
    }
  }
}
