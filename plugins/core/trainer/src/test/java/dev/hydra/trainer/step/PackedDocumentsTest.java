package dev.hydra.trainer.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.trainer.run.Trials;
import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Documents that share a window are learnt as if each had one of its own, by every component. */
@ExtendWith(InScope.class)
class PackedDocumentsTest {
  private static final File HYDRA_TINY = new File("../../../configs/models/hydra-tiny.conf");

  /** The lengths of the documents of a row; the rest of its tokens are padding. */
  private static final int[] LENGTHS = {75, 130, 2, 41};

  private static final int WIDTH = 257;
  private static final long IGNORED = -100;

  @Test
  void aPackedRowLosesWhatItsDocumentsLoseAlone() {
    try (Model model = model()) {
      double alone = 0;
      int predicted = 0;
      List<long[]> documents = documents();
      for (long[] each : documents) {
        alone += loss(model, Tensor.create(each, 1, each.length)) * (each.length - 1);
        predicted += each.length - 1;
      }
      assertThat(loss(model, packed(documents))).isCloseTo(alone / predicted, within(1e-12));
      long[] whole = Arrays.copyOf(Tensors.integers(packed(documents)), WIDTH);
      assertThat(loss(model, Tensor.create(whole, 1, WIDTH)))
          .as("tokens that see what is not their document")
          .isNotCloseTo(alone / predicted, within(1e-3));
    }
  }

  private static Model model() {
    Config config = ConfigFactory.parseFile(HYDRA_TINY).resolve();
    Placement placement = new Placement(Devices.cpu(), ScalarType.Double);
    return Model.build(ModelSpec.read(config), Trials.COMPONENTS, placement, 1);
  }

  private static List<long[]> documents() {
    Random random = new Random(3);
    List<long[]> documents = new ArrayList<>();
    for (int length : LENGTHS) {
      documents.add(random.longs(length, 0, 256).toArray());
    }
    return documents;
  }

  private static Tensor packed(List<long[]> documents) {
    long[] tokens = new long[WIDTH];
    long[] labels = new long[WIDTH];
    long[] numbers = new long[WIDTH];
    Arrays.fill(labels, IGNORED);
    Arrays.fill(numbers, documents.size());
    int at = 0;
    for (int i = 0; i < documents.size(); i++) {
      long[] each = documents.get(i);
      System.arraycopy(each, 0, tokens, at, each.length);
      System.arraycopy(each, 1, labels, at + 1, each.length - 1);
      Arrays.fill(numbers, at, at + each.length, i);
      at += each.length;
    }
    return Tensors.stack(
        0,
        Tensor.create(tokens, 1, WIDTH),
        Tensor.create(labels, 1, WIDTH),
        Tensor.create(numbers, 1, WIDTH));
  }

  private static double loss(Model model, Tensor packed) {
    TokenWindows windows = TokenWindows.of(packed);
    try (ForwardContext forward = windows.in(ForwardContext.training())) {
      return Tensors.number(LanguageLoss.of(model, windows, forward));
    }
  }
}
