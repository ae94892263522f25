package dev.hydra.libtorch.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

class KernelSetTest {
  /** Kept, as the logging system holds loggers weakly. */
  private static final Logger LOGGER = Logger.getLogger(KernelSet.class.getName());

  private static List<String> warnings(Runnable action) {
    List<String> heard = new ArrayList<>();
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord message) {
            heard.add(message.getMessage());
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    LOGGER.addHandler(handler);
    try {
      action.run();
    } finally {
      LOGGER.removeHandler(handler);
    }
    return heard;
  }

  private static KernelSet set() {
    return KernelSet.of(KernelSource.of(KernelSet.class, "primitives.cu"));
  }

  @Test
  void thatTheDeviceIsTooOldIsSaidOnceForAllSetsAndMacros() {
    Gpu old = new Gpu(5, 7, 5, 40, 49152);
    List<KernelSet.Result> results = new ArrayList<>();
    List<String> heard =
        warnings(
            () -> {
              for (KernelSet each : List.of(set(), set())) {
                results.add(each.loaded(old, Map.of()));
                results.add(each.loaded(old, Map.of("WIDTH", 64)));
              }
            });
    assertThat(heard)
        .singleElement()
        .asString()
        .contains("instead of CUDA kernels, which is slower", "cuda:5 has 7.5");
    assertThat(results).hasSize(4).allMatch(each -> each.kernels() == null);
    assertThat(warnings(() -> set().loaded(new Gpu(6, 7, 5, 40, 49152), Map.of()))).hasSize(1);
  }

  @Test
  void aProgramIsNamedOnceWithWhateverMacros() {
    List<String> heard =
        warnings(
            () -> {
              for (String options : List.of("[-DWIDTH=32]", "[-DWIDTH=64]")) {
                KernelSet.warn(
                    new KernelException(
                        "wrong.cu", "wrong.cu cannot be compiled with " + options + ":\nwrong"));
              }
              KernelSet.warn(new KernelException("other.cu", "other.cu cannot be loaded"));
            });
    assertThat(heard).hasSize(2);
    assertThat(heard.get(0)).contains("that need wrong.cu", "-DWIDTH=32").doesNotContain("\n");
    assertThat(heard.get(1)).contains("other.cu");
  }
}
