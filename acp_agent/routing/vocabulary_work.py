"""The words by which people tell an agent in an editor what is wrong, what they demand of a
solution, and how little they want; data only.

Owns kinds that are seldom in questions of exams, in twelve languages: symptoms, demands,
inquiries, plans, and what is quickly told or done. Does not own the other kinds
(``vocabulary``, ``vocabulary_unspaced``), how words are found (``words``), nor what they
weigh (``weights.json``).
"""

# A star stands for any ending. Accents are kept: the text is compared in lower case.
SPACED_WORK: dict[str, str] = {
    "symptom": (
        "sometimes intermittent* randomly occasional* sporadic* hang hangs hanging freeze*"
        " freezing frozen froze stuck stall stalls stalled stutter* lag lags laggy jank* janky"
        " slower slowly slows sluggish crash crashes crashed crashing segfault* panics oom"
        " timeout* leak* grows growing bloat* corrupt* garbled inconsistent* disappear*"
        " vanish* lost loses losing drops dropped duplicate* twice stale breaks fails failing"
        " flak* weird weirdly strange mysterious* drift* spike* spikes regressed unresponsive"
        " overflow* manchmal gelegentlich sporadisch* hängt hängen friert eingefroren"
        " einfrier* ruckel* ruckl* langsam* träge stürzt abgestürzt absturz* abstürz* wächst"
        " verschwind* verschwunden verliert verloren doppelt* kaputt scheitert fehlschl*"
        " schlägt seltsam* merkwürdig* komisch* zeitüberschreitung* speicherverbrauch läuft"
        " parfois aléatoire* plante plantent plantage* bloque bloqué* fige figé* rame ramer"
        " lent lente lentement lenteur* fuite* fuit grossit gonfle disparaî* disparu* perd"
        " perdu* double doublon* échoue échouent cassé* casse bizarre* étrange* sature dérive"
        " veces aleatori* cuelga cuelgan colgad* congela* lento lenta lentas lentos lentitud"
        " tarda tardan falla fallan fallo fallos peta revienta pierde pierden perdid*"
        " desaparec* duplicad* duplica fuga* crece roto rota raro rara extrañ* satura*"
        " corrompe* vezes aleatóri* trava travam travando travad* congel* demora demoram"
        " lentidão falha falham falhando quebra quebram quebrad* perde perdem some somem sumiu"
        " sumindo vazamento* vaza vazando cresce estranh* esquisit* cai caindo estoura volte"
        " saltuariamente casual* blocca bloccat* bloccano pianta congelat* lenti lentezza"
        " rallent* fallisce falliscono crasha crashano perdono spariscono sparisc* spariti"
        " duplicat* raddoppi* rotto rotta rompe strano strana strani memoria иногда"
        " периодически случайно рандомно виснет висит зависа* завис тормоз* медленн* падает"
        " падают упал упало крашит* вылетает вылета* течёт течет утечк* растёт растет пропада*"
        " теря* потер* дубл* задваива* ломается ломаются сломал* странн* непонятн* таймаут*"
        " отвалива* отваливает* глюч* рассинхрон* 가끔 간헐* 종종 멈춰* 멈추* 멈춥* 멈춤*"
        " 느려* 느리* 느린* 느립* 죽어* 죽는* 죽음* 죽습* 터져* 터지* 터집* 크래시* 누수*"
        " 늘어나* 증가* 사라* 유실* 중복* 깨져* 깨지* 깨집* 실패* 이상하* 이상해* 타임아웃*"
        " 끊겨* 끊기* 끊깁*"
    ),
    "demand": (
        "without losing lossless survive* robust* resilien* guarantee* exactly-once"
        " consistent* backward* backwards compatible compatibility downtime offline"
        " concurrently simultaneous* parallel* scalable scales scale safely gracefully"
        " graceful incremental* atomically cancellable cancellation resumable resume retry"
        " retries persist* accessible audit* testable reusable pluggable configurable"
        " rollback* edge throughput latency faster speed memory load users tenants"
        " ausfallsicher verlustfrei gleichzeitig* kompatib* rückwärts* wiederaufnehm*"
        " abbrechbar* skalier* inkrementell* unterbrech* barrierefrei* schneller sauber"
        " garantier* konsisten* ausfall* last résist* garanti* simultané* parallèle* compatib*"
        " rétrocompat* reprise* annulable* accessible* propre proprement cohéren* rapide"
        " plus_vite interruption* charge garantic* garantiz* simultáne* paralel* retrocompat*"
        " reanud* cancelab* accesib* limpi* consisten* interrupc* rápid* carga escal* garant*"
        " simultâne* retomar retomável cancelável acessív* limp* interrupç* escaláv* garantire"
        " garantisc* simultane* parallelo ripres* annullabil* accessibil* pulit* interruzion*"
        " scalabil* veloce velocemente carico надёжн* надежн* гарант* одновременно параллельн*"
        " совместим* обратн* отмен* возобнов* масштабир* инкремент* быстрее устойчив* простоя"
        " нагрузк* доступност* чисто 동시* 병렬* 호환* 중단* 재개* 취소* 확장* 안정* 보장*"
        " 무중단* 빠르게 일관*"
    ),
    "inquiry": (
        "investigat* diagnos* figure root causes cause culprit find hunt track trace pinpoint"
        " narrow bisect reproduce repro understand walk audit review inspect dig look ursache*"
        " herausfind* finde such suche untersuch* eingrenz* nachvollzieh* prüf* überprüf*"
        " durchsuch* aufspür* liegt woran weshalb trouve trouver cherche chercher comprendre"
        " diagnosti* pourquoi reproduis* reproduire audite vérifie vérifier causa causas"
        " encuentra averigua averiguar busca buscar entender audita revisa revisar descubre"
        " localiza rastrea descubra descobre descobrir ache acha encontra encontre entenda"
        " investigue revise rastreie procura trova trovare scopri scoprire capire individua"
        " indaga controlla verifica cerca причин* найди найти разобраться разберись выясни"
        " пойми понять поищи проверь посмотри отследи локализу* воспроизвед* выяснить 원인*"
        " 찾아* 파악* 조사* 진단* 추적* 점검* 검토* 알아내* 살펴*"
    ),
    "plan": (
        "plan plans planning strategy strategies roadmap proposal propose approach approaches"
        " options alternatives pros cons trade-off tradeoff tradeoffs evaluate assess estimate"
        " estimation milestones phases phased rollout design model schema architecture decide"
        " decision should versus vs monolith plane strategie* vorschlag vorschläge* vorgehen*"
        " fahrplan* alternativ* vor- nachteil* abwäg* bewert* einschätz* schätz* entscheid*"
        " konzept* entwurf entwerf* sollten lohnt stratégie* proposition* approche* avantage*"
        " inconvénient* évalu* estim* conception décid* choisir devrait-on compromis étapes"
        " estrategia* propuesta* propón propon enfoque* ventaja* desventaja* inconvenient*"
        " evalú* evalua* estima* decid* conviene deberíamos fases diseñ* estratégia* proposta*"
        " proponha abordage* vantage* desvantage* avali* devemos vale compensa planeje desenh*"
        " strategia* proposta proponi approccio vantagg* svantagg* valuta stima dovremmo"
        " pianifica progettaz* fasi план* стратеги* предлож* подход* вариант* плюсы минусы"
        " оцени оценк* сравни выбрать выбор решить стоит компромисс* этап* проект* 계획* 전략*"
        " 제안* 방안* 장단점* 대안* 평가* 견적* 로드맵* 선택* 결정* 단계별*"
    ),
    "quick_fact": (
        "meaning mean means stand stands abbreviation acronym called keyword flag flags"
        " option switch shortcut hotkey keybinding command syntax operator extension port"
        " default equivalent opposite plural singular pronounce spelled spelling symbol"
        " version undo exit quit alias install bedeutet heißt abkürzung* steht kürzel"
        " tastenkombination* tastenkürzel befehl* option* schalter endung* standard* gegenteil"
        " mehrzahl schreibt geht signifie veut sigle acronyme raccourci commande syntaxe"
        " défaut contraire pluriel écrit s'écrit s'appelle touche dire significa siglas atajo"
        " comando opción sintaxis extensión defecto contrario tecla llama escribe sirve decir"
        " sigla atalho opção sintaxe extensão padrão contrário chama quer dizer scorciatoia"
        " opzione sintassi estensione predefinit* plurale tasto chiama serve vuol значит"
        " означа* расшифр* аббревиатур* сочетание команд* флаг* опци* ключ* синтаксис*"
        " расширени* умолчани* называется пишется клавиш* отличие порт 뜻* 의미* 약자* 줄임말*"
        " 단축키* 명령어* 옵션* 플래그* 문법* 확장자* 기본값* 포트* 부르*"
    ),
    "tiny": (
        "alphabetical alphabetically alphabetisch alphabétique alfabétic* alfabetic* алфавит*"
        " импорт* import imports just one single quick quickly simple simply tiny little small"
        " minor only line word character sentence here below typo rename reword synonym emoji"
        " heading bullet bullets capital caps space spaces nur mal kurz schnell einfach*"
        " klein* eine einen einzige* zeile wort satz hier unten zeichen überschrift leerzeile"
        " juste vite simplement petit petite ligne mot phrase ici caractère titre sólo solo"
        " rápido sencill* pequeñ* línea palabra frase aquí carácter título só apenas rapidinho"
        " simples pequen* linha palavra aqui veloce semplice semplicemente piccol* riga parola"
        " qui просто быстро одну один одно одной маленьк* строк* слово фраз* здесь тут ниже"
        " буквы 그냥 간단* 한줄* 한 줄 짧게 작은 하나* 단어* 문장* 여기"
    ),
    "tone": (
        "shorter simpler plain kürzer einfacher verständlicher raccourci simplifie acortar"
        " acórtalo encurtar encurte accorcialo короче проще упрости 줄여* polite politely"
        " friendly friendlier nicer softer gently tone formal informal wording phrase phrasing"
        " sounds reword blurb tagline headline congrat* apolog* invite invitation announcement"
        " slack tweet caption colleague coworker boss höflich* freundlich* netter locker"
        " förmlich ton formulier* klingt kollege* chef chefin einladung absag* entschuldig*"
        " glückwunsch* ankündigung kundin kunden rundmail poli polie poliment gentil* aimable"
        " formel reformul* collègue* annonce félicit* excus* tournure educad* amable* cordial*"
        " tono suena compañer* jefe jefa invitación anuncio felicit* disculp* reformula*"
        " redacta gentil amigável tom soa colega* chefe convite anúncio parab* desculp*"
        " cortes* gentile suona collega colleghi capo invito annuncio riformul* scus* вежлив*"
        " дружелюбн* мягче тон тоном коллег* начальник* поздрав* извин* приглаш* звучит"
        " формулиров* объявлени* 정중* 공손* 친근* 부드럽* 말투* 동료* 상사* 초대* 공지* 사과*"
        " 축하* 다듬*"
    ),
    "brief_answer": (
        "briefly short shortly brief concise tldr suffices enough only just nothing else"
        " yes/no reicht reichen genügt knapp stichwort* sonst nichts bref brève brièvement"
        " court suffit rien breve brevemente basta nada corto resumid* curto curta chega"
        " sintetic* niente коротко кратко достаточно больше ничего просто кратенько вкратце"
        " 짧게 간단히 간략* 충분* 만요"
    ),
}
"""Each kind and its words, separated by spaces."""

UNSPACED_WORK: dict[str, str] = {
    "symptom": (
        "偶尔 有时 时不时 随机 偶发 间歇 卡住 卡顿 卡死 挂起 挂掉 变慢 很慢 太慢 越来越慢"
        " 崩溃 闪退 超时 泄漏 泄露 飙升 丢失 重复 不一致 错乱 乱码 失败 报错 奇怪 莫名 诡异 爆"
        " 阻塞 失效 掉线 断开 たまに 時々 ときどき ランダム 不定期 固まる 固まっ 止まる 止まっ"
        " 遅い 遅く 遅れ 重い 重く 落ちる 落ち クラッシュ タイムアウト リーク 増え 消える 消え"
        " 失われ 重複 二重 不整合 ずれ 壊れ 失敗 おかしい 謎 不安定 切れる 切断 أحيانا أحيانًا"
        " عشوائي يتوقف تتوقف يعلق تعلق يتجمد بطيء بطيئة بطء ينهار تنهار انهيار يفشل تفشل مهلة"
        " تسرب تسريب يزداد تزداد تختفي يختفي ضياع تضيع يضيع مكرر تكرار غريب متقطع يتعطل تعطل"
        " कभी-कभी कभी_कभार रुक अटक हैंग धीमा धीमी धीमे स्लो क्रैश फेल टाइमआउट लीक बढ़ता बढ़ती बढ़"
        " गायब खो डुप्लिकेट दो_बार अजीब टूट बिगड़ गड़बड़"
    ),
    "demand": (
        "保证 确保 并发 同时 并行 兼容 向后 不停机 零停机 断点 续传 可取消 可扩展 增量 容错"
        " 健壮 一致 无障碍 离线 更快 高并发 扩展性 压力 吞吐 延迟 不丢 不影响 平滑 保証 同時"
        " 並列 並行 互換 無停止 止めずに 再開 中断 キャンセル 拡張 増分 堅牢 一貫 アクセシ"
        " オフライン 高速 速く 負荷 遅延 壊さず 失わず 対応 ضمان يضمن تضمن متزامن متواز توافق"
        " متوافق دون_توقف استئناف إلغاء قابل_للتوسع تدريجي متين اتساق أسرع تحمل भरोसेमंद"
        " गारंटी साथ समानांतर कम्पैटि संगत बिना_रुके डाउनटाइम रिज़्यूम कैंसिल स्केल तेज़ लोड मज़बूत"
    ),
    "inquiry": (
        "原因 排查 定位 找出 查明 查一下 查查 搞清 弄清 分析 诊断 复现 根因 追踪 审查 检查"
        " 看看 怎么回事 为啥 調べ 調査 突き止め 特定 探して 見つけ 解明 再現 診断 追跡 点検"
        " レビュー 確認 なぜ سبب السبب اكتشف ابحث جد اعثر تتبع شخص افحص راجع تحقق لماذا حقق"
        " कारण वजह ढूँढ ढूंढ खोज पता_लगाओ पकड़ जाँच जांच समझ रिव्यू देखो क्यों"
    ),
    "plan": (
        "方案 计划 规划 策略 建议 思路 路线 优缺点 利弊 权衡 取舍 评估 估算 选型 架构 设计"
        " 对比 应该 要不要 阶段 分步 方針 計画 戦略 提案 案を 方式 長所 短所 比較 評価 見積"
        " 選定 設計 アーキ 段階 べき خطة استراتيجية اقترح اقتراح نهج مزايا عيوب مفاضلة تقييم"
        " تقدير قيم هل_يجب مراحل تصميم معمارية بنية योजना प्लान रणनीति सुझाव तरीका फायदे नुकसान"
        " फ़ायदे तुलना मूल्यांकन अनुमान डिज़ाइन चरण चाहिए"
    ),
    "quick_fact": (
        "什么意思 是什么 缩写 全称 快捷键 命令 参数 选项 语法 后缀 默认 端口 关键字 怎么写"
        " 怎么读 叫什么 含义 哪个 用哪 退出 意味 とは 略 正式名称 ショートカット コマンド"
        " オプション フラグ 構文 拡張子 デフォルト ポート 何という 読み方 書き方 どれ 違い"
        " は何 معنى يعني تعني اختصار الأمر خيار صيغة امتداد افتراضي المنفذ منفذ ما_هو ما_هي"
        " كيف_أكتب मतलब अर्थ फुल_फॉर्म शॉर्टकट कमांड command ऑप्शन सिंटैक्स एक्सटेंशन डिफ़ॉल्ट पोर्ट"
        " क्या_होता कौन_सा कौनसा"
    ),
    "tiny": (
        "按字母 字母顺序 アルファベット順 五十音 小函数 小さい関数 صغيرة أبجدي 一个 一行 一句"
        " 一下 就行 简单 这行 这句 这个词 换成 加个 改成 改为 去掉 一つ 一文 だけ 簡単"
        " ちょっと 小さ この行 この文 単語 文字 واحد واحدة سطر جملة كلمة فقط بسيط بسيطة صغير"
        " هذا_السطر هذه_الجملة حرف एक लाइन बस सिर्फ छोटा छोटी यह_लाइन शब्द वाक्य अक्षर"
    ),
    "tone": (
        "客气 礼貌 委婉 友好 语气 通顺 措辞 得体 活泼 口吻 说法 润色 道歉 祝贺 邀请 通知 同事"
        " 老板 领导 客户 公告 丁寧 失礼 やわらか 柔らか 敬語 カジュアル 言い方 言い回し 文面"
        " お願いの お詫び お祝い 招待 告知 同僚 上司 紹介文 お知らせ مهذب بأدب لطيف ودي ودية"
        " أسلوب نبرة صياغة زميل مدير العميل دعوة إعلان اعتذار تهنئة विनम्र शिष्ट नरम दोस्ताना"
        " लहज़ा लहजा टोन औपचारिक सहकर्मी बॉस निमंत्रण माफ़ी माफी बधाई सूचना"
    ),
    "brief_answer": (
        "就好 就行 即可 简单说 别的不 其他不 不用太 一两句 两句 三句 几句 字以内 一句 只要"
        " 只用 简短 だけで だけ 手短 ざっくり 一言 行で 文で 文くらい 文字以内 で大丈夫 で十分"
        " 簡潔 1行 一行 候補 باختصار جملة جملتين جملتان سطر سطرين فقط لا_غير يكفي بكلمة संक्षेप"
        " बस_इतना एक_लाइन दो_लाइन एक_वाक्य दो_वाक्य काफ़ी काफी सिर्फ केवल छोटा_सा"
    ),
}
"""Each kind and its pieces, separated by spaces; a piece is found anywhere in a text."""
