package dev.hydra.experiments;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.mixer.attention.FullFactory;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.CosineScheduleFactory;
import dev.hydra.tasks.Condition;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.TaskContext;
import dev.hydra.tasks.TaskFactory;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Small experiments. */
final class Studies {
  static final Components COMPONENTS = Components.of(new FullFactory(), new SwigluFactory());

  private static final PluginRegistry PLUGINS =
      PluginRegistry.of(new Next(), new AdamWFactory(), new CosineScheduleFactory());

  private static final String FILE =
      """
      experiment {
        question = "Does it learn?"
        tasks { copy { type = next } }
        models {
          wide { model { width = 16, depth = 1
            block.paths = [ { mixer { type = full, heads = 2 } }, { ffn { type = swiglu, hidden = 32 } } ] } }
          narrow { model { width = 8, depth = 1
            block.paths = [ { ffn { type = swiglu, hidden = 32 } } ] } }
        }
        equal { parameters = 1, flops = 1 }
        learning-rates = [1e-4, 1e-3, 1e-2, 3e-2]
        seeds = 2, steps = 60, batch-size = 16, evaluate-every = 20
        validation-examples = 32, test-examples = 32
      }
      quick { models.wide.model.depth = 1, steps = 3 }
      """;

  private Studies() {}

  /** Reads the experiment with some more lines of HOCON. */
  static Study read(String more, boolean quick, String... overrides) {
    Config file = ConfigFactory.parseString(more).withFallback(ConfigFactory.parseString(FILE));
    return Study.read(
        ConfigFiles.override(file, List.of(overrides)),
        List.of(overrides),
        PLUGINS,
        List.of(),
        quick);
  }

  /** Asks for the token after the last that was read: what stands before matters for nothing. */
  @HydraPlugin("next")
  public static final class Next implements TaskFactory {
    private static final Option<Integer> LENGTH =
        Option.integer("length", "tokens that examples to train on read").atLeast(1).orElse(6);

    @Override
    public List<Option<?>> options() {
      return List.of(LENGTH);
    }

    @Override
    public Task create(TaskContext from) {
      return new Asking(from.settings().get(LENGTH));
    }
  }

  private record Asking(int length) implements Task {
    private static final int TOKENS = 8;

    @Override
    public List<String> vocabulary() {
      return IntStream.range(0, TOKENS).mapToObj(String::valueOf).toList();
    }

    @Override
    public List<Condition> conditions() {
      return List.of(
          new Condition("trained", length, true, 1.0 / TOKENS),
          new Condition("longer", length * 3 / 2, false, 1.0 / TOKENS));
    }

    @Override
    public Example example(int condition, SplittableRandom random) {
      Example.Builder example = new Example.Builder();
      int last = 0;
      for (int i = 0; i < conditions().get(condition).length(); i++) {
        last = random.nextInt(TOKENS);
        example.read(last);
      }
      return example.ask((last + 1) % TOKENS).build();
    }
  }
}
