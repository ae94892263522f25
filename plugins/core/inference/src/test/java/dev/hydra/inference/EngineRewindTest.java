package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.Handles;
import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Texts that are taken back, and go on otherwise or once more. */
class EngineRewindTest {
  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0);
  private static final Placement CPU = new Placement(Devices.cpu(), ScalarType.Float);
  private static final int SESSIONS = 5;
  private static final int ANSWER = 12;

  private static Model model(String name) {
    File config = new File("../../../configs/models/" + name + ".conf");
    return Trial.model(CPU, ConfigFactory.parseFile(config));
  }

  private static List<List<Integer>> answers(Engine engine, List<int[]> prompts) {
    List<Trial.Heard> heard = new ArrayList<>();
    for (int[] prompt : prompts) {
      heard.add(new Trial.Heard());
      engine.open(new Request(prompt, ANSWER, GREEDY, Set.of()), heard.get(heard.size() - 1));
    }
    while (engine.step()) {}
    heard.forEach(each -> assertThat(each.problem).isNull());
    return heard.stream().map(each -> each.tokens).toList();
  }

  private static List<List<Integer>> fresh(Model model, List<int[]> prompts) {
    return prompts.stream()
        .map(
            prompt -> {
              try (Engine engine = Trial.engine(model, 1, 0)) {
                return answers(engine, List.of(prompt)).get(0);
              }
            })
        .toList();
  }

  private static int[] text(int[] prompt, List<Integer> drawn) {
    return IntStream.concat(IntStream.of(prompt), drawn.stream().mapToInt(each -> each)).toArray();
  }

  /**
   * Five texts of unequal length are answered together, taken back to the middle of their answers,
   * where each goes on with another token, and then to the beginning of them, all together again.
   *
   * @param again how many tokens of each are read again: what is kept was taken before the last of
   *     its prompt, six of the answer follow
   */
  @ParameterizedTest
  @CsvSource({"hydra-tiny, 7", "mamba2-tiny, 7", "transformer-tiny, 0"})
  void whatIsTakenBackGoesOnAsIfNothingHadBeen(String name, long again) {
    SplittableRandom random = new SplittableRandom(5);
    List<int[]> prompts =
        IntStream.range(0, SESSIONS)
            .mapToObj(i -> random.ints(20 + 31L * i, 0, Trial.VOCABULARY).toArray())
            .toList();
    try (Model model = model(name);
        Engine engine = Trial.engine(model, SESSIONS, 64L << 20)) {
      List<List<Integer>> first = answers(engine, prompts);
      List<int[]> middle = new ArrayList<>();
      for (int i = 0; i < SESSIONS; i++) {
        List<Integer> kept = first.get(i).subList(0, 6);
        middle.add(text(prompts.get(i), Stream.concat(kept.stream(), Stream.of(255 - i)).toList()));
      }
      long read = engine.statistics().snapshot().promptTokens();
      assertEquals(fresh(model, middle), answers(engine, middle));
      assertEquals(
          SESSIONS * again, engine.statistics().snapshot().promptTokens() - read, "read again");
      read = engine.statistics().snapshot().promptTokens();
      assertEquals(fresh(model, prompts), answers(engine, prompts));
      assertEquals(read, engine.statistics().snapshot().promptTokens(), "of the prompts nothing");
    }
  }

  /** Of a text whose state can be taken back, one is enough: 8 layers, keys and values of 128. */
  @Test
  void theLongestStateStandsForThoseBefore() {
    try (Model model = model("transformer-tiny");
        Engine engine = Trial.engine(model, 1, 64L << 20)) {
      int[] prompt = new SplittableRandom(3).ints(50, 0, Trial.VOCABULARY).toArray();
      answers(engine, List.of(prompt));
      long bytes = engine.statistics().snapshot().prefixBytes();
      assertEquals(8 * 2 * 128 * Float.BYTES * (prompt.length + ANSWER - 1L), bytes);
      answers(engine, List.of(prompt));
      assertEquals(bytes, engine.statistics().snapshot().prefixBytes());
    }
  }

  /** Their states are of two models; a text that comes later is to be that of the second. */
  @Test
  void textsThatASwapFoundAreNotKept() throws InterruptedException {
    int[] prompt = new SplittableRandom(4).ints(30, 0, Trial.VOCABULARY).toArray();
    try (Model model = Trial.model();
        Swapper swapper = new Swapper(model, SwapHost.none());
        Engine engine =
            new Engine(
                model,
                EngineSettings.of(new EngineLimits(1, 1, 100, 7, 1 << 22)).withSwapper(swapper))) {
      engine.open(new Request(prompt, 20, GREEDY, Set.of()), new Trial.Heard());
      for (CompletableFuture<SwapReport> report : Trial.runAndSwap(engine, swapper)) {
        assertEquals(SwapReport.Status.SWITCHED, report.join().status());
      }
      assertEquals(0, engine.statistics().snapshot().prefixBytes());
    }
  }

  @Test
  void leavesNothingBehind() {
    try (Model model = model("transformer-tiny")) {
      Handles.assertFreesItself(
          10,
          () -> {
            try (Engine engine = Trial.engine(model, 2, 64L << 20)) {
              int[] prompt = new SplittableRandom(6).ints(40, 0, Trial.VOCABULARY).toArray();
              answers(engine, List.of(prompt));
              answers(engine, List.of(Arrays.copyOf(prompt, 25), prompt));
            }
          });
    }
  }
}
