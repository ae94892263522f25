package dev.hydra.inference;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.ffn.moe.MoeFactory;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.memory.pkm.ProductKeyMemoryFactory;
import dev.hydra.memory.workspace.WorkspaceFactory;
import dev.hydra.mixer.attention.FullFactory;
import dev.hydra.mixer.attention.SparseGlobalFactory;
import dev.hydra.mixer.mamba.Mamba2Factory;
import dev.hydra.router.topk.ChunkTopKRouterFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A small model with every kind of state, and texts to continue. */
final class Trial {
  static final int VOCABULARY = 97;

  private static final String MODEL =
      """
      model {
        vocab-size = 97, width = 32, depth = 4
        block {
          topology = parallel
          paths = [
            { mixer { type = mamba2, state = 8, head-dim = 16 }, gate = 1.0 }
            { mixer { type = sparse-global, heads = 2, window = 8, global-every = 4, globals = 3 }
              gate = 1.0, at = "::2" }
            { mixer { type = full, heads = 2 }, name = attention, gate = 1.0, at = "1::2" }
            { ffn { type = moe, experts = 4, hidden = 16
                    router { type = chunk-topk, chunk = 5, top-k = 2 } }, gate = 1.0, at = "::2" }
            { ffn { type = swiglu, hidden = 32 }, gate = 1.0, at = "1::2" }
            { memory { type = workspace, slots = 4, dim = 8, heads = 2, chunk = 6 }
              gate = learned, at = "1" }
            { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 }
              gate = learned, at = "2" }
          ]
        }
      }
      """;

  static final List<String> MAMBA =
      List.of("blocks.0.mixer", "blocks.1.mixer", "blocks.2.mixer", "blocks.3.mixer");

  private Trial() {}

  static Model model() {
    return model(new Placement(Devices.cpu(), ScalarType.Float), "");
  }

  /** The model with some of its configuration in other words. */
  static Model model(Placement placement, String overrides) {
    return model(
        placement,
        ConfigFactory.parseString(overrides).withFallback(ConfigFactory.parseString(MODEL)));
  }

  /** A model of the components that the small one has. */
  static Model model(Placement placement, Config config) {
    return Model.build(
        ModelSpec.read(config),
        Components.of(
            new Mamba2Factory(),
            new SparseGlobalFactory(),
            new FullFactory(),
            new MoeFactory(),
            new SwigluFactory(),
            new ChunkTopKRouterFactory(),
            new WorkspaceFactory(),
            new ProductKeyMemoryFactory()),
        placement,
        11);
  }

  static Engine engine(Model model, int sessions, long prefixBytes) {
    return engine(model, sessions, prefixBytes, GraphMode.AUTO);
  }

  static Engine engine(Model model, int sessions, long prefixBytes, GraphMode graph) {
    return new Engine(
        model,
        EngineSettings.of(new EngineLimits(sessions, 100, 1000, 7, prefixBytes)).withGraph(graph));
  }

  static int[] prompt(SplittableRandom random, int longest) {
    return random.ints(1 + random.nextInt(longest), 0, VOCABULARY).toArray();
  }

  /** Runs an engine to its end, and configures a mixer at every eighth step meanwhile. */
  static List<CompletableFuture<SwapReport>> runAndSwap(Engine engine, Swapper swapper)
      throws InterruptedException {
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    for (int step = 0; engine.isBusy(); step++) {
      engine.step();
      if (step % 8 == 4) {
        SwapRequest request =
            SwapRequest.configure(
                ConfigFactory.parseString("chunk = 16"), MAMBA.get(reports.size() % 4));
        reports.add(CompletableFuture.supplyAsync(() -> swapper.swap(request)));
        while (!swapper.pending() && !reports.get(reports.size() - 1).isDone()) {
          Thread.sleep(1);
        }
      }
    }
    return reports;
  }

  /** What became of a session. */
  static class Heard implements TokenListener {
    final List<Integer> tokens = new ArrayList<>();
    final List<TokenScore> scores = new ArrayList<>();
    final List<TokenScore> prompt = new ArrayList<>();
    FinishReason reason;
    RuntimeException problem;

    @Override
    public void prompt(List<TokenScore> all) {
      prompt.addAll(all);
    }

    @Override
    public boolean token(TokenScore token) {
      tokens.add(token.token());
      scores.add(token);
      return true;
    }

    @Override
    public void finished(FinishReason why) {
      reason = why;
    }

    @Override
    public void failed(RuntimeException why) {
      problem = why;
    }
  }
}
