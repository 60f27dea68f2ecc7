"""The words that tell a kind of task, in ten languages; data, and how they are found.

Owns the vocabulary: English, German, French, Spanish, Portuguese, Italian, Russian, and,
for texts without spaces, Chinese and Japanese, and Korean. Does not own what a word
weighs (``weights.json``) nor explicit wishes (``wishes``).
"""

import re
from collections.abc import Iterable

_WORD = re.compile(r"\w+")

# A star stands for any ending. Accents are kept: the text is compared in lower case.
_SPACED: dict[str, str] = {
    "code_task": (
        "function functions python javascript typescript rust java code script regex"
        " sql query algorithm api async cache threads endpoint compiler parser unittest decorator"
        " funktion* programm skript methode klasse abfrage algorithmus schnittstelle"
        " fonction* programme méthode classe requête algorithme"
        " función funciones código programa método clase consulta algoritmo"
        " função funções classe funzione funzioni codice programma metodo"
        " функци* код кода коде скрипт* программ* метод* класс* запрос* алгоритм*"
        " 함수* 코드* 스크립트* 프로그램* 클래스* 알고리즘*"
    ),
    "heavy_task": (
        "implement* refactor* debug* rewrite migrate optimize optimise analyze analyse prove derive"
        " architecture investigate integrate redesign parallelize concurrent concurrency deadlock*"
        " benchmark diagnose vulnerab* profile"
        " implementier* refaktor* überarbeite* migrier* optimier* analysier* beweise* entwirf"
        " untersuche* nebenläufig* umschreib* implément* implemente refactoris* débog* réécri*"
        " analyse* démontre* conçois concevoir enquêt* refactoriza* depura* reescrib* migra"
        " demuestra* diseña* investiga* refatora* reescrev* otimiz* demonstr* projete depure"
        " rifattorizza* riscrivi* ottimizz* analizz* dimostra* progetta* implementa*"
        " реализу* рефактор* отлад* перепиш* оптимизир* проанализ* докаж* спроектир* исследу*"
        " 구현* 리팩* 디버* 최적화* 분석* 증명* 설계* 마이그레*"
    ),
    "light_task": (
        "hello hi hey thanks thank okay define synonym translate rename typo typos docstring"
        " shorten hallo danke bedeutet definiere übersetze* tippfehler"
        " umbenenn* bonjour salut merci signifie définis traduis traduire renomme coquille"
        " hola gracias significa traduce renombra errata olá obrigad* traduz* renomei*"
        " ciao grazie traduci rinomina refuso привет спасибо означает переведи опечатк*"
        " переимену* 안녕* 감사* 번역* 오타*"
    ),
    "prose": (
        "poem story essay email letter speech slogan blog summary summarize summarise paragraph"
        " gedicht geschichte aufsatz brief rede zusammenfassung zusammenfass* absatz"
        " poème histoire dissertation lettre discours résumé résume résumer poema cuento"
        " ensayo carta discurso resumen resume história redação resumo poesia storia lettera"
        " riassunto riassumi стих* рассказ* письмо эссе резюме абзац* 시를 이야기* 편지* 요약*"
    ),
    "lookup": (
        "who whom whose when where wer wann wo qui quand où quién quiénes cuándo dónde quem"
        " quando onde chi dove кто когда где 누가 언제 어디*"
    ),
    "maths_words": (
        "sum product percent percentage probability integer integers prime equation polynomial"
        " derivative integral triangle angle average median ratio remainder divisor divisible"
        " multiple digits fraction square cube root perimeter area volume vertices matrix"
        " solve calculate compute theorem"
        " summe prozent* wahrscheinlichkeit* gleichung* primzahl* ableitung dreieck* berechne*"
        " durchschnitt* verhältnis matrix löse somme pourcent* probabilité* équation* dérivée"
        " intégrale calcule* moyenne suma porcentaje probabilidad* ecuaci* derivada promedio"
        " calcula* soma porcentagem equaç* média somma percentuale probabilità equazion*"
        " calcola* сумм* процент* вероятност* уравнен* производн* интеграл* вычисл* средн*"
        " 합계* 확률* 방정식* 계산* 평균*"
    ),
    "extraction": (
        "extract* parse json csv yaml xml table columns classify categori* convert fields"
        " structured extrahier* tabelle klassifizier* konvertier* spalten extrai* tableau"
        " classe* convertis colonnes extrae* tabla clasific* convierte columnas tabela"
        " estrai* tabella classific* converti извлек* таблиц* классифицир* преобразу*"
        " 추출* 표로 분류* 변환*"
    ),
    "steps": (
        "then next finally afterwards step steps first second third dann danach anschließend"
        " schließlich zuerst schritt* puis ensuite enfin abord étape* luego después primero"
        " finalmente paso pasos depois primeiro passo passos poi infine prima passi затем"
        " потом сначала наконец шаг* 먼저 다음* 그리고 마지막* 단계*"
    ),
    "constraints": (
        "must should exactly only without least most never always except avoid ensure every"
        " muss müssen soll sollen genau nur ohne mindestens höchstens niemals außer vermeide"
        " doit doivent exactement seulement sans moins jamais sauf évite debe deben exactamente"
        " solo sólo sin menos máximo nunca salvo evita deve devem exatamente apenas sem mínimo"
        " devono esattamente senza almeno massimo mai долж* ровно только без минимум никогда"
        " кроме избега* 반드시 정확히 없이 최소* 최대* 절대"
    ),
    "conditions": (
        "if unless suppose assume given provided whether would although either neither wenn ob"
        " würde obwohl entweder weder falls angenommen gegeben sofern"
        " si supposons sauf sachant supongamos dado suponha caso supponi dato если пусть"
        " предположим допустим 만약 경우*"
    ),
    "relations": (
        "than twice half fewer less more older younger times remaining rest left third quarter"
        " double triple as before after until during while each every per another again later same"
        " both als jede* während später beide doppelt* hälfte weniger mehr älter jünger übrig"
        " bevor nachdem chaque pendant que deux double moitié moins plus restant* avant après"
        " cada mientras doble mitad más"
        " menos restante* antes después dobro metade mais depois doppio ogni metà più meno dopo"
        " prima кажд* чем вдвое половин* меньше больше остал* раньше после 매일 보다 절반 두배 남은"
    ),
    "reasoning": (
        "why explain compare contrast consequences trade-offs tradeoffs because therefore"
        " infer conclude argument valid likely warum erkläre* vergleiche* weshalb folgerung"
        " pourquoi explique* compare* explica* porqué compara* porque spiega* perché confronta*"
        " почему объясни* сравни* поэтому 이유* 설명* 비교*"
    ),
    "edit": (
        "fix add change update remove delete create write move edit replace implement*"
        " refactor* migrate rename design build review audit entwirf entwerfe baue überprüfe"
        " behebe korrigier* füge ergänze ändere entferne erstelle schreib* ersetze implementier*"
        " refaktor* conçois construis corrige ajoute modifie supprime crée écris remplace diseña"
        " construye revisa arregla añade agrega cambia elimina crea escribe reemplaza corrija"
        " adicione mude remova crie escreva projeta costruisci rivedi correggi aggiungi modifica"
        " rimuovi scrivi исправ* добав* измени* удали* созда* напиши замени* спроектир* построй"
        " проверь 설계* 검토* 수정* 추가* 변경* 삭제* 생성* 작성*"
    ),
    "scope": (
        "repository repo codebase project workspace folder directory files modules"
        " projekt codebasis verzeichnis ordner dateien projet dépôt dossier fichiers proyecto"
        " repositorio carpeta archivos projeto repositório pasta arquivos progetto cartella"
        " проект* репозитори* папк* файлы файлах файлов 프로젝트* 저장소* 폴더* 파일들*"
    ),
    "run": (
        "run tests build execute install commit deploy pytest lint führe tests baue installier*"
        " exécute lance installe ejecuta pruebas instala execute testes instale esegui"
        " installa запусти* тесты собери установи 실행* 테스트* 빌드* 설치*"
    ),
}

_UNSPACED: dict[str, str] = {
    "code_task": (
        "函数 代码 线程 缓存 脚本 程序 方法 接口 算法 正则 查询 関数 コード スクリプト プログラム"
        " メソッド クラス スレッド キャッシュ アルゴリズム クエリ"
    ),
    "heavy_task": (
        "实现 重构 调试 重写 优化 分析 证明 设计 迁移 排查 并发 死锁 実装 リファクタ デバッグ"
        " 書き直 最適化 証明 設計 移行 並行"
    ),
    "light_task": (
        "你好 谢谢 翻译 什么意思 是什么意思 错别字 重命名 こんにちは ありがとう 翻訳 意味 誤字"
        " 名前を変"
    ),
    "prose": "诗 故事 作文 邮件 演讲 摘要 总结 段落 物語 作文 手紙 メール 要約 段落",
    "lookup": "谁 何时 什么时候 哪里 在哪 誰 いつ どこ",
    "maths_words": (
        "求和 百分 概率 方程 质数 导数 积分 三角形 平均 计算 总共 多少 矩阵 合計 確率 方程式 素数"
        " 微分 計算 いくつ 行列"
    ),
    "extraction": "提取 解析 表格 分类 转换 抽取 抽出 表に 分類 変換",
    "steps": "首先 然后 接着 最后 步骤 まず 次に その後 最後に 手順",
    "constraints": (
        "必须 应该 只能 不要 不能 至少 最多 恰好 确保 必ず だけ せずに 以上 以下 ちょうど ないで"
    ),
    "conditions": "如果 假设 假如 若 除非 もし 場合 仮定",
    "relations": "每 比 一半 两倍 更多 更少 剩下 之前 之后 より 半分 倍 残り 前に 後に",
    "reasoning": "为什么 解释 比较 原因 因此 なぜ 説明 比較 理由",
    "edit": (
        "修复 添加 修改 删除 创建 编写 替换 写一 设计 审查"
        " 検証 設計 修正 追加 変更 削除 作成 書いて 置き換"
    ),
    "scope": "项目 仓库 代码库 目录 文件夹 所有文件 プロジェクト リポジトリ フォルダ ディレクトリ",
    "run": "运行 执行 测试 构建 安装 部署 実行 テスト ビルド インストール",
}

KINDS = tuple(_SPACED)
"""The kinds of words, in a fixed order."""


def _split() -> tuple[dict[str, set[str]], dict[str, list[tuple[str, str]]]]:
    """Whole words with their kinds, and stems with theirs by their first two letters."""
    whole: dict[str, set[str]] = {}
    stems: dict[str, list[tuple[str, str]]] = {}
    for kind, words in _SPACED.items():
        for word in words.split():
            if word.endswith("*"):
                stems.setdefault(word[:2], []).append((word[:-1], kind))
            else:
                whole.setdefault(word, set()).add(kind)
    return whole, stems


_WHOLE, _STEMS = _split()
_PIECES = tuple((piece, kind) for kind, words in _UNSPACED.items() for piece in words.split())


def words_of(text: str) -> list[str]:
    """The words of ``text`` in lower case, in order; unspaced scripts give long runs."""
    return _WORD.findall(text.lower())


def find_kinds(words: Iterable[str], text: str) -> dict[str, set[str]]:
    """For each kind of ``KINDS`` the distinct words of it: from ``words``, the words of
    ``text``, and, where it is not all ASCII, from the text itself (no spaces to go by)."""
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for word in set(words):
        for kind in _WHOLE.get(word, ()):
            found[kind].add(word)
        for stem, kind in _STEMS.get(word[:2], ()):
            if word.startswith(stem):
                found[kind].add(stem)
    if not text.isascii():
        letters = set(text)
        for piece, kind in _PIECES:
            if piece[0] in letters and piece in text:
                found[kind].add(piece)
    return found
